// Package clip makes vectors of pictures and texts with two-tower models in the manner of CLIP.
package clip
