// Package train makes sparse autoencoders from vectors. Three things matter: a Config,
// which determines a run; a Backend, which does a step; and Run, the loop, which is
// meant to be read.
//
//	trained, held := train.Split(rows.Len(), cfg.Holdout, cfg.Seed)
//	data := train.Subset(rows, trained)
//	init, err := train.Init(cfg, data)
//	b, err := train.CPU(cfg, init)
//	model, err := train.Run(ctx, cfg, data, b, train.OnStep(print))
//	metrics := train.Measure(model, train.Subset(rows, held), threads)
//
// The same rows, configuration and seed give the same model on the same build, for any
// number of threads, and also when a run was stopped and continued. The package opens
// no files: checkpoints go to an io.Writer and come from an io.Reader.
package train
