package vector

func fastExp(dst, x []float32) bool                                                 { return false }
func fastExpm1(dst, x []float32) bool                                               { return false }
func fastLog(dst, x []float32) bool                                                 { return false }
func fastLog1p(dst, x []float32) bool                                               { return false }
func fastTanh(dst, x []float32) bool                                                { return false }
func fastSigmoid(dst, x []float32) bool                                             { return false }
func fastSoftplus(dst, x []float32) bool                                            { return false }
func fastErf(dst, x []float32) bool                                                 { return false }
func fastSin(dst, x []float32) bool                                                 { return false }
func fastCos(dst, x []float32) bool                                                 { return false }
func fastSqrt(dst, x []float32) bool                                                { return false }
func fastReciprocal(dst, x []float32) bool                                          { return false }
func fastNeg(dst, x []float32) bool                                                 { return false }
func fastAbs(dst, x []float32) bool                                                 { return false }
func fastSquare(dst, x []float32) bool                                              { return false }
func fastStep(dst, x []float32) bool                                                { return false }
func fastSiLU(dst, x []float32) bool                                                { return false }
func fastGELU(dst, x []float32) bool                                                { return false }
func fastSELU(dst, x []float32) bool                                                { return false }
func fastReLU(dst, x []float32) bool                                                { return false }
func fastTanhSlope(y, dy, x []float32) bool                                         { return false }
func fastSigmoidSlope(y, dy, x []float32) bool                                      { return false }
func fastSoftplusSlope(y, dy, x []float32) bool                                     { return false }
func fastSiLUSlope(y, dy, x []float32) bool                                         { return false }
func fastGELUSlope(y, dy, x []float32) bool                                         { return false }
func fastSELUSlope(y, dy, x []float32) bool                                         { return false }
func fastReLUSlope(y, dy, x []float32) bool                                         { return false }
func fastSinCos(y, dy, x []float32) bool                                            { return false }
func fastAdd(dst, a, b []float32) bool                                              { return false }
func fastSub(dst, a, b []float32) bool                                              { return false }
func fastMul(dst, a, b []float32) bool                                              { return false }
func fastDiv(dst, a, b []float32) bool                                              { return false }
func fastMax(dst, a, b []float32) bool                                              { return false }
func fastMin(dst, a, b []float32) bool                                              { return false }
func fastMulAdd(dst, a, b []float32) bool                                           { return false }
func fastScale(dst, x []float32, s float32) bool                                    { return false }
func fastShift(dst, x []float32, s float32) bool                                    { return false }
func fastAddScaled(dst, x []float32, s float32) bool                                { return false }
func fastSelect(dst, cond, a, b []float32) bool                                     { return false }
func fastDot(a, b []float32) (float64, bool)                                        { return 0, false }
func fastSum(a []float32) (float64, bool)                                           { return 0, false }
func fastRowSums(dst, x []float32, ld, rows, n int) bool                            { return false }
func fastRowDots(dst, a []float32, lda int, b []float32, ldb int, rows, n int) bool { return false }
func fastAddColumns(dst, x []float32, ld, rows, n int) bool                         { return false }
func fastCombine(dst, base, hs []float32, k [][]float32, coef []float32) bool       { return false }
func fastCombineUniform(dst, base []float32, h float32, k [][]float32, coef []float32) bool {
	return false
}
func fastTranspose(dst []float32, lddst int, src []float32, ldsrc, rows, cols int) bool { return false }
