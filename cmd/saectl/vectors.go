package main

import (
	"errors"
	"fmt"
	"math"

	"github.com/saedb/saedb/internal/vec"
)

// normalise divides x by its norm in place.
func normalise(x []float32) error {
	norm := float64(vec.Norm(x))
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return errors.New("a number that is not finite")
	}
	if norm == 0 {
		return errors.New("a zero vector has no direction")
	}
	for i := range x {
		x[i] = float32(float64(x[i]) / norm)
	}
	return nil
}

// rowError says in which row of which file err happened; rows count from 0 as in NumPy.
func rowError(path string, row int, err error) error {
	return fmt.Errorf("%s: row %d: %w", path, row, err)
}
