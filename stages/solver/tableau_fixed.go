package solver

// Euler is the explicit Euler method.
func Euler() Tableau {
	return Tableau{Name: "euler", Order: 1,
		C: []float64{0},
		A: [][]float64{{}},
		B: []float64{1},
	}
}

// Midpoint is the explicit midpoint rule (Runge 1895).
func Midpoint() Tableau {
	return Tableau{Name: "midpoint", Order: 2,
		C: []float64{0, 1.0 / 2},
		A: [][]float64{{}, {1.0 / 2}},
		B: []float64{0, 1},
	}
}

// Heun is Heun's second-order method, the explicit trapezoidal rule.
func Heun() Tableau {
	return Tableau{Name: "heun", Order: 2,
		C: []float64{0, 1},
		A: [][]float64{{}, {1}},
		B: []float64{1.0 / 2, 1.0 / 2},
	}
}

// Ralston is the second-order method of least error bound (Ralston 1962).
func Ralston() Tableau {
	return Tableau{Name: "ralston", Order: 2,
		C: []float64{0, 2.0 / 3},
		A: [][]float64{{}, {2.0 / 3}},
		B: []float64{1.0 / 4, 3.0 / 4},
	}
}

// Heun3 is Heun's third-order method (Heun 1900).
func Heun3() Tableau {
	return Tableau{Name: "heun3", Order: 3,
		C: []float64{0, 1.0 / 3, 2.0 / 3},
		A: [][]float64{{}, {1.0 / 3}, {0, 2.0 / 3}},
		B: []float64{1.0 / 4, 0, 3.0 / 4},
	}
}

// Kutta3 is Kutta's third-order method (Kutta 1901).
func Kutta3() Tableau {
	return Tableau{Name: "kutta3", Order: 3,
		C: []float64{0, 1.0 / 2, 1},
		A: [][]float64{{}, {1.0 / 2}, {-1, 2}},
		B: []float64{1.0 / 6, 2.0 / 3, 1.0 / 6},
	}
}

// SSPRK3 is the strong-stability-preserving method of Shu and Osher (1988).
func SSPRK3() Tableau {
	return Tableau{Name: "ssprk3", Order: 3,
		C: []float64{0, 1, 1.0 / 2},
		A: [][]float64{{}, {1}, {1.0 / 4, 1.0 / 4}},
		B: []float64{1.0 / 6, 1.0 / 6, 2.0 / 3},
	}
}

// RK4 is the classical fourth-order method (Kutta 1901).
func RK4() Tableau {
	return Tableau{Name: "rk4", Order: 4,
		C: []float64{0, 1.0 / 2, 1.0 / 2, 1},
		A: [][]float64{{}, {1.0 / 2}, {0, 1.0 / 2}, {0, 0, 1}},
		B: []float64{1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6},
	}
}

// RK438 is Kutta's 3/8 rule (Kutta 1901).
func RK438() Tableau {
	return Tableau{Name: "rk4-38", Order: 4,
		C: []float64{0, 1.0 / 3, 2.0 / 3, 1},
		A: [][]float64{{}, {1.0 / 3}, {-1.0 / 3, 1}, {1, -1, 1}},
		B: []float64{1.0 / 8, 3.0 / 8, 3.0 / 8, 1.0 / 8},
	}
}
