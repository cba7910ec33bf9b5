package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const nosplit = attr.NOSPLIT

// peaks writes loops of fused multiply-adds that do not wait for each other:
// 12 a loop, which covers any processor's latency times its units.
func peaks(c *build.Context) {
	for _, f := range []struct {
		name      string
		registers []reg.VecPhysical
	}{{"peakAVX512", zmm[:]}, {"peakAVX2", ymm[:]}} {
		c.Function(f.name)
		c.Doc(f.name + " runs loops > 0 times 12 fused multiply-adds of whole registers.")
		c.Attributes(nosplit)
		c.SignatureExpr("func(loops int)")
		c.Load(c.Param("loops"), reg.RAX)
		c.VXORPS(reg.Y12, reg.Y12, reg.Y12) // upper halves too
		for i := range 12 {
			c.VXORPS(ymm[i], ymm[i], ymm[i])
		}
		c.Label("loop")
		for i := range 12 {
			c.VFMADD231PS(f.registers[12], f.registers[12], f.registers[i])
		}
		c.DECQ(reg.RAX)
		c.JNZ(LabelRef("loop"))
		c.VZEROUPPER()
		c.RET()
	}
}
