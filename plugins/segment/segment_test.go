package segment

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Blocks never overlap, lie inside of the segment, have generations that rise,
// and given back they are room again: a model of intervals says the same.
func TestBlocks(t *testing.T) {
	const size = 1 << 20
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		b := NewBlocks(size)
		owner := make([]uint64, size/page)
		held := []Block{}
		last := uint64(0)
		for range 2000 {
			if len(held) > 0 && r.IntN(2) == 0 {
				i := r.IntN(len(held))
				k := held[i]
				held = append(held[:i], held[i+1:]...)
				if !b.Give(k.Generation) {
					t.Fatalf("generation %d is not taken", k.Generation)
				}
				if b.Give(k.Generation) {
					t.Fatalf("generation %d is given back twice", k.Generation)
				}
				for p := k.Offset / page; p*page < k.Offset+k.Length; p++ {
					owner[p] = 0
				}
				continue
			}
			n := 1 + r.IntN(size/4)
			k, ok := b.Take(n)
			if !ok {
				run, longest := 0, 0
				for _, o := range owner {
					if run++; o != 0 {
						run = 0
					}
					longest = max(longest, run)
				}
				if longest*page >= n {
					t.Fatalf("no room for %d bytes where %d are free in a row", n, longest*page)
				}
				continue
			}
			if k.Length != n || k.Offset%64 != 0 || k.Offset < 0 || k.Offset+n > size || k.Generation <= last {
				t.Fatalf("block %+v for %d bytes after generation %d", k, n, last)
			}
			last = k.Generation
			for p := k.Offset / page; p*page < k.Offset+n; p++ {
				if owner[p] != 0 {
					t.Fatalf("block %d overlaps block %d", k.Generation, owner[p])
				}
				owner[p] = k.Generation
			}
			held = append(held, k)
		}
		if b.Taken() != len(held) {
			t.Errorf("%d blocks are taken, not %d", b.Taken(), len(held))
		}
		for _, k := range held {
			b.Give(k.Generation)
		}
		if k, ok := b.Take(size); !ok || k.Offset != 0 {
			t.Error("given back in full, a segment is not whole again")
		}
	}
}

// supported skips where the system has no sealed memory.
func supported(t *testing.T) (Pair, Offer) {
	t.Helper()
	p, o, err := Make(1 << 20)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p, o
}

// What one side writes the other reads, both ways; nothing is left.
func TestPair(t *testing.T) {
	mine, offer := supported(t)
	theirs, err := Open(offer)
	if err != nil {
		t.Fatal(err)
	}
	mine.Out.Opened()
	mine.In.Opened()
	for i, d := range []struct{ out, in *Segment }{{mine.Out, theirs.In}, {theirs.Out, mine.In}} {
		copy(d.out.Bytes()[1000:], fmt.Sprint("message ", i))
		if s := string(d.in.Bytes()[1000:1009]); s != fmt.Sprint("message ", i) {
			t.Errorf("%q arrived", s)
		}
	}
	theirs.Release()
	copy(mine.Out.Bytes(), "still here")
	mine.Release()
	if left := leftovers(t); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}

// leftovers are mappings and open files of segments of this process.
func leftovers(t *testing.T) string {
	t.Helper()
	var out []string
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skip(err)
	}
	for _, l := range strings.Split(string(maps), "\n") {
		if strings.Contains(l, "memfd:pathline") {
			out = append(out, l)
		}
	}
	fds, _ := os.ReadDir("/proc/self/fd")
	for _, d := range fds {
		if l, err := os.Readlink("/proc/self/fd/" + d.Name()); err == nil && strings.Contains(l, "memfd:pathline") {
			out = append(out, l)
		}
	}
	return strings.Join(out, "\n")
}

// A plugin cannot shrink what the host maps: reading stays safe.
func TestSealed(t *testing.T) {
	p, o := supported(t)
	defer p.Release()
	for _, name := range []string{o.In, o.Out} {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int64{0, 4096, 1 << 21} {
			if f.Truncate(n) == nil {
				t.Errorf("a segment can be made %d bytes long", n)
			}
		}
		f.Close()
	}
}

// An offer that is not one is refused.
func TestForeignOffers(t *testing.T) {
	p, good := supported(t)
	defer p.Release()
	file := t.TempDir() + "/x"
	if err := os.WriteFile(file, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Offer){
		"an ordinary file": func(o *Offer) { o.In = file },
		"no file":          func(o *Offer) { o.Out = "/proc/self/fd/9999" },
		"another label":    func(o *Offer) { o.Label = "pathline-x" },
		"no label":         func(o *Offer) { o.Label = "" },
		"another size":     func(o *Offer) { o.Bytes = 1 << 19 },
		"a huge size":      func(o *Offer) { o.Bytes = 1 << 40 },
		"no size":          func(o *Offer) { o.Bytes = 0 },
		"swapped":          func(o *Offer) { o.In, o.Out = o.Out, o.In },
	} {
		o := good
		change(&o)
		q, err := Open(o)
		if err == nil {
			// Kernels without the seal of future writes cannot tell.
			if name != "swapped" {
				t.Errorf("%s is accepted", name)
			}
			q.Release()
		}
	}
}
