package main

// functions are all, in the order of the file; one that emits nothing is Go at
// any level.
var functions = concat(arithmetic, combinations, reductions, transposes, activations, exponentials, sigmoids, pending)

func concat(parts ...[]function) (all []function) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

var pending = []function{
	{name: "Log", params: "dst, x"},
	{name: "Log1p", params: "dst, x"},
	{name: "Softplus", params: "dst, x"},
	{name: "SoftplusSlope", params: "y, dy, x"},
	{name: "Erf", params: "dst, x"},
	{name: "Sin", params: "dst, x"},
	{name: "Cos", params: "dst, x"},
	{name: "SinCos", params: "y, dy, x"},
	{name: "GELU", params: "dst, x"},
	{name: "GELUSlope", params: "y, dy, x"},
}
