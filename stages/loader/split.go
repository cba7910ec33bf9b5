package loader

import (
	"regexp"
	"sort"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/random"
)

var splitName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// checkSplit checks names and fractions.
func checkSplit(split map[string]float64) error {
	sum := 0.0
	for _, name := range sortedKeys(split) {
		at := "split." + name
		if !splitName.MatchString(name) {
			return schemas.Errorf(schemas.UnknownValue, "%q cannot be the name of a split", name).At(at).Suggest("use small letters, digits and _, a letter first")
		}
		if f := split[name]; !(f > 0 && f <= 1) {
			return schemas.Errorf(schemas.OutOfRange, "the fraction of a split is above 0 and at most 1, not %v", f).At(at)
		}
		sum += split[name]
	}
	if sum > 1+1e-9 {
		return schemas.Errorf(schemas.OutOfRange, "the fractions of the splits sum to %v, more than 1", sum).At("split")
	}
	return nil
}

func sortedKeys(m map[string]float64) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// interval is the part [from, to) of the unit interval that one split takes: a
// row belongs to it when its uniform number does.
type interval struct {
	key      random.Key
	from, to float64
}

// everything is the interval of all rows.
var everything = interval{to: 2}

func (v interval) all() bool { return v.to > 1 }

// has says whether row number row belongs to the split.
func (v interval) has(row int64) bool {
	if v.all() {
		return true
	}
	u := v.key.Uniform(uint64(row), 0)
	return u >= v.from && u < v.to
}

// count is how many of rows first .. first+rows-1 belong to the split.
func (v interval) count(first, rows int64) int64 {
	if v.all() {
		return rows
	}
	n := int64(0)
	for i := first; i < first+rows; i++ {
		if v.has(i) {
			n++
		}
	}
	return n
}

// intervals lays the splits side by side, in the order of their names, and
// adds all rows under the empty name.
func intervals(split map[string]float64, seed uint64, stage string) map[string]interval {
	out := map[string]interval{"": everything}
	key, at := random.NewKey(seed, stage, "split"), 0.0
	names := sortedKeys(split)
	for i, n := range names {
		to := at + split[n]
		// Fractions that sum to 1 but for rounding leave no row out.
		if i == len(names)-1 && to > 1-1e-9 {
			to = 1
		}
		out[n] = interval{key: key, from: at, to: to}
		at = to
	}
	return out
}
