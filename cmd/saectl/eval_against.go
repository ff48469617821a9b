package main

import (
	"context"
	"fmt"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/measure"
)

// agreement is how much of an autoencoder is found in another, such as one trained with another seed.
type agreement struct {
	Other string `json:"sae"`
	measure.Agreement
}

// compareModels pairs the latents of m with those of another autoencoder so that the cosines of their decoder rows are as
// large as can be. The other one is stored under that name, or else lies in that file or folder.
func compareModels(ctx context.Context, d *db.DB, m *sae.Model, name string) (*agreement, error) {
	other, err := storedOrRead(ctx, d, name)
	if err != nil {
		return nil, err
	}
	found, _, err := measure.Match(ctx, m, other, maxThreads())
	return &agreement{name, found}, err
}

func (g *agreement) text() string {
	return fmt.Sprintf("against %s: %s pairs of latents, cosine %.3f on average, %.3f in the middle; %.1f%% above %.1f, %.1f%% above %.1f\n",
		g.Other, thousands(g.Pairs), g.Mean, g.Median, 100*g.Same, measure.Duplicate, 100*g.Close, measure.Related)
}
