//go:build !amd64 || purego

package philox

func fastBlocks(dst [][4]uint32, l *lanes) bool                        { return false }
func fastUniforms(dst []float64, l *lanes) bool                        { return false }
func fastNormals32(dst []float32, stride, width, n int, l *lanes) bool { return false }
func fastNormals64(dst []float64, stride, width, n int, l *lanes) bool { return false }
