package autodiff

// Gradient is the derivative of a number of each row, summed over the rows, for
// every parameter of the graph: one sum for each, in the order of Params.
func (g *Graph) Gradient(loss Value) []Value {
	params := g.ParamValues()
	one := Value{g, g.dead()}
	if g.own("gradient", loss) {
		if s := g.shape(loss); size(s) != 1 {
			g.fail("gradient: %s is not a number", g.label(loss))
		} else {
			one = g.Fill(1, s...)
		}
	}
	return g.VJP([]Value{loss}, []Value{one}, params)
}

// ParamValues are the parameters of the graph as values, in the order of Params.
func (g *Graph) ParamValues() []Value {
	var params []Value
	for n, m := range g.nodes {
		if m.op == opParam {
			params = append(params, Value{g, n})
		}
	}
	return params
}
