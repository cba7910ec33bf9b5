package main

// functions are all, in the order of the file; one that emits nothing is Go at
// any level.
var functions = concat(arithmetic, combinations, reductions, transposes,
	activations, exponentials, sigmoids, logarithms, trigonometrics, errorFunctions)

func concat(parts ...[]function) (all []function) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}
