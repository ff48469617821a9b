// Package measure judges an autoencoder beyond its reconstruction, which is sae.Metrics:
//
//	CKNNA      do codes keep the neighbourhoods of the vectors?
//	Geometry   how different are the decoder rows from each other?
//	Density    how often do latents fire?
//	Sweep      the same model at other numbers of active latents
//	Untrained, PCA, Centres   what simpler means reach with as many numbers
//	Match      how much of one model is found in another?
//	Fits       do new rows still look like those the model knows?
//
// Every fast form stands beside its slow, obvious twin, named ...Reference, and the figures are checked against those of an
// independent script, testdata/golden.py. Results do not depend on the number of threads.
package measure
