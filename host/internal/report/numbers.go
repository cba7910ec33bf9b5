package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// minus is the sign that is as wide as a digit.
const minus = "\u2212"

// figure is a value to four significant digits.
func figure(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "not finite"
	case v == 0:
		return "0"
	case a >= 1e6 || a < 1e-3:
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', 2, 64), "e")
		n, _ := strconv.Atoi(exponent)
		return strings.ReplaceAll(fmt.Sprintf("%s\u00b710%s", mantissa, superscript(n)), "-", minus)
	case a >= 1000:
		return count(int64(math.Round(v)))
	default:
		decimals := 3 - int(math.Floor(math.Log10(a)))
		return strings.ReplaceAll(strconv.FormatFloat(v, 'f', min(decimals, 4), 64), "-", minus)
	}
}

func superscript(n int) string {
	const digits = "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"
	runes := []rune(digits)
	var b strings.Builder
	for _, c := range strconv.Itoa(n) {
		if c == '-' {
			b.WriteRune('\u207b')
		} else {
			b.WriteRune(runes[c-'0'])
		}
	}
	return b.String()
}

// count is a whole number in groups of three.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if s[0] == '-' {
		sign, s = minus, s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// seconds is a span of time as people say it.
func seconds(s float64) string {
	switch {
	case math.IsNaN(s) || math.IsInf(s, 0) || s < 0:
		return "unknown"
	case s < 0.0995:
		return fmt.Sprintf("%.0f ms", s*1000)
	case s < 9.95:
		return fmt.Sprintf("%.1f s", s)
	case s < 99.5:
		return fmt.Sprintf("%.0f s", s)
	}
	m := int64(math.Round(min(s, 1e12) / 60))
	if m < 60 {
		return fmt.Sprintf("%d min %02.0f s", int64(s)/60, math.Floor(math.Mod(s, 60)))
	}
	return fmt.Sprintf("%s h %02d min", count(m/60), m%60)
}

// withError is a value cut where its standard error begins to matter.
func withError(v, se float64) string {
	if !finite(v) || !finite(se) || se <= 0 {
		return figure(v)
	}
	decimals := int(math.Ceil(-math.Log10(se))) + 1
	if decimals < 0 {
		decimals = 0
	}
	if e := int(math.Floor(math.Log10(max(math.Abs(v), se)))); decimals > 4 && e < -2 {
		scale := math.Pow(10, float64(-e))
		return strings.ReplaceAll(fmt.Sprintf("(%.*f \u00b1 %.*f)\u00b710%s", max(decimals+e, 0), v*scale, max(decimals+e, 0), se*scale, superscript(e)), "-", minus)
	}
	f := func(x float64) string {
		return strings.ReplaceAll(strconv.FormatFloat(x, 'f', decimals, 64), "-", minus)
	}
	return f(v) + " \u00b1 " + f(se)
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// plural is "1 row", "2 rows".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(int64(n)) + " " + noun + "s"
}

// pill is the class of a status.
func pill(status string) string {
	switch strings.ToLower(status) {
	case "done", "ok", "ran", "completed", "finished":
		return "good"
	case "failed", "error":
		return "bad"
	case "interrupted", "cancelled", "canceled":
		return "warn"
	}
	return "calm"
}
