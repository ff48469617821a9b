package measure

import (
	"math"
	"slices"
)

// symmetricEigen returns the eigenvalues of the symmetric matrix a (n,n), the largest first, and its unit eigenvectors as
// rows. It brings a to three diagonals by Householder reflections and those to one by implicit QL steps; O(n³). It
// overwrites a.
func symmetricEigen(a []float64, n int) (values, vectors []float64) {
	diagonal, beside := tridiagonal(a, n) // a becomes the reflections' product, one basis vector a column
	// QL turns pairs of columns; as rows they lie together in memory.
	for i := range n {
		for j := range i {
			a[i*n+j], a[j*n+i] = a[j*n+i], a[i*n+j]
		}
	}
	implicitQL(diagonal, beside, a, n)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch {
		case diagonal[i] > diagonal[j]:
			return -1
		case diagonal[i] < diagonal[j]:
			return 1
		}
		return 0
	})
	for _, i := range order {
		values = append(values, diagonal[i])
		vectors = append(vectors, a[i*n:(i+1)*n]...)
	}
	return values, vectors
}

// tridiagonal replaces the symmetric a by the orthogonal Q with Qᵀ·a·Q = T, and returns T's diagonal and what stands beside
// it: beside[i] is T[i][i-1]; beside[0] is 0. Column by column from the last, a reflection clears what lies left of T.
func tridiagonal(a []float64, n int) (diagonal, beside []float64) {
	diagonal, beside = make([]float64, n), make([]float64, n)
	scaled := make([]float64, n) // |u|²/2 of the reflection made of row i, 0 where none was needed
	for i := n - 1; i > 0; i-- {
		u := a[i*n : i*n+i] // the row left of the diagonal becomes the reflection's vector
		norm2 := 0.0
		for _, v := range u[:i-1] {
			norm2 += v * v
		}
		if norm2 == 0 {
			beside[i] = u[i-1]
			continue
		}
		norm2 += u[i-1] * u[i-1]
		length := -math.Copysign(math.Sqrt(norm2), u[i-1])
		beside[i] = length
		h := norm2 - u[i-1]*length
		u[i-1] -= length
		scaled[i] = h
		p := beside[:i] // p = a·u/h, and then p - u·(uᵀp)/(2h), in the places that are not set yet
		clear(p)
		for j := range i { // only the lower half of a is kept up
			row := a[j*n : j*n+j]
			s := a[j*n+j] * u[j]
			for k, v := range row {
				s += v * u[k]
				p[k] += v * u[j] / h
			}
			p[j] += s / h
		}
		along := 0.0
		for j, v := range u {
			along += v * p[j]
		}
		along /= 2 * h
		for j, v := range u {
			p[j] -= along * v
		}
		for j := range i {
			row := a[j*n : j*n+j+1]
			for k := range row {
				row[k] -= u[j]*p[k] + p[j]*u[k]
			}
		}
	}
	beside[0] = 0
	// What p used of beside has been overwritten by the later, smaller rows, each of which sets its own place last.
	g := make([]float64, n)
	for i := range n { // multiply the reflections together, from the smallest on
		diagonal[i] = a[i*n+i]
		if u := a[i*n : i*n+i]; scaled[i] != 0 {
			clear(g[:i])
			for k, v := range u { // g = uᵀ·Q
				for j, q := range a[k*n : k*n+i] {
					g[j] += v * q
				}
			}
			for k, v := range u {
				row := a[k*n : k*n+i]
				for j := range row {
					row[j] -= v * g[j] / scaled[i]
				}
			}
		}
		for j := range i {
			a[i*n+j], a[j*n+i] = 0, 0
		}
		a[i*n+i] = 1
	}
	return diagonal, beside
}

// implicitQL makes beside zero: diagonal then holds the eigenvalues, and the rows of q, turned along, the eigenvectors.
func implicitQL(diagonal, beside, q []float64, n int) {
	e := append(slices.Clone(beside[1:]), 0) // e[i] stands between i and i+1
	for l := range n {
		for range 60 { // three rounds are usual
			m := l
			for ; m < n-1; m++ {
				if near := math.Abs(diagonal[m]) + math.Abs(diagonal[m+1]); math.Abs(e[m]) <= 0x1p-53*near {
					break
				}
			}
			if m == l {
				break
			}
			g := (diagonal[l+1] - diagonal[l]) / (2 * e[l])
			r := math.Hypot(g, 1)
			g = diagonal[m] - diagonal[l] + e[l]/(g+math.Copysign(r, g))
			s, c, shift := 1.0, 1.0, 0.0
			i := m - 1
			for ; i >= l; i-- {
				f, b := s*e[i], c*e[i]
				r = math.Hypot(f, g)
				e[i+1] = r
				if r == 0 { // the matrix falls apart here
					diagonal[i+1] -= shift
					e[m] = 0
					break
				}
				s, c = f/r, g/r
				g = diagonal[i+1] - shift
				r = (diagonal[i]-g)*s + 2*c*b
				shift = s * r
				diagonal[i+1] = g + shift
				g = c*r - b
				lower, upper := q[i*n:(i+1)*n], q[(i+1)*n:(i+2)*n]
				for k, v := range upper {
					upper[k] = s*lower[k] + c*v
					lower[k] = c*lower[k] - s*v
				}
			}
			if r == 0 && i >= l {
				continue
			}
			diagonal[l] -= shift
			e[l], e[m] = g, 0
		}
	}
}
