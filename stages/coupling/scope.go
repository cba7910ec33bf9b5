package coupling

// Scope is what of a training a coupling wants to see at a time. The zero Scope is
// the rows of one batch.
type Scope struct {
	// Batch is how many rows are paired at a time; 0 is as many as a batch of the
	// training has. More rows than that give pairs that are nearer to those of the
	// distributions: the plan of a batch is biased towards the independent coupling
	// (Fatras et al., "Learning with minibatch Wasserstein", AISTATS 2020; Pooladian et
	// al. 2023, section 4).
	Batch int
	// Conditions, at least 0, is the weight of the conditions in the cost, beside the
	// squared distance of x:
	//
	//	C_ij = |x1_i - x0_j|² + Conditions |c_i - c_j|²
	//
	// with c_j the conditions of the row of data that noise j was drawn with, as they
	// stand in a row: a category is one-hot, so that another one costs 2 Conditions.
	// Without it pairs depend on x alone, and the noise that goes with a condition is
	// not distributed as the base any more, from which sampling starts; a weight above
	// all distances keeps noise within its condition (Cheng and Schwing, "The curse of
	// conditions: analyzing and improving optimal transport for conditional flow-based
	// generation", ICCV 2025, C2OT: their cost of a category is an indicator, that of other
	// conditions a distance).
	Conditions float64
}

// Scoped is a coupling with a scope. Who trains brings the rows: Pair sees as many as
// Batch says, with Dim columns of x and, behind them, the conditions times the root of
// the weight. Its Pair takes any number of rows.
type Scoped interface {
	Coupling
	Scope() Scope
}

// ScopeOf is the scope of a coupling.
func ScopeOf(c Coupling) Scope {
	if s, ok := c.(Scoped); ok {
		return s.Scope()
	}
	return Scope{}
}

func (s Scope) must() {
	if s.Batch < 0 || !(s.Conditions >= 0) {
		panic("coupling: scope out of range")
	}
}

// Within is the coupling with another scope.
func (o Optimal) Within(s Scope) Optimal {
	s.must()
	o.scope = s
	return o
}

// Scope implements [Scoped].
func (o Optimal) Scope() Scope { return o.scope }

// Within is the coupling with another scope.
func (s Sinkhorn) Within(scope Scope) Sinkhorn {
	scope.must()
	s.scope = scope
	return s
}

// Scope implements [Scoped].
func (s Sinkhorn) Scope() Scope { return s.scope }
