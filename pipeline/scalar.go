package pipeline

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Duration is a time span as users write it: 500ms, 30s, 2h, or a bare number
// of seconds.
type Duration time.Duration

// MarshalJSON writes the Go notation.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON reads what parseDuration reads.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	t, err := parseDuration(v)
	*d = Duration(t)
	return err
}

func parseDuration(v any) (time.Duration, error) {
	switch v := v.(type) {
	case string:
		d, err := time.ParseDuration(v)
		if err != nil || d < 0 {
			return 0, fmt.Errorf("%q is not a duration; write 500ms, 30s or 2h", v)
		}
		return d, nil
	case int64:
		return parseDuration(float64(v))
	case float64:
		if v < 0 || v > 1e9 {
			return 0, fmt.Errorf("%v s is not a duration that can be waited for", v)
		}
		return time.Duration(v * float64(time.Second)), nil
	}
	return 0, fmt.Errorf("not a duration; write 500ms, 30s or 2h")
}

// Size is a number of bytes as users write it: 512MiB, 2GB, or a bare number.
type Size int64

// MarshalJSON writes the number of bytes.
func (s Size) MarshalJSON() ([]byte, error) { return json.Marshal(int64(s)) }

// UnmarshalJSON reads what ParseSize reads.
func (s *Size) UnmarshalJSON(b []byte) error {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	n, err := ParseSize(fmt.Sprint(v))
	if f, ok := v.(float64); ok {
		n, err = int64(f), nil
	}
	*s = Size(n)
	return err
}

var sizePattern = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)\s*([kKMGT]i?)?[bB]?$`)

// ParseSize reads 4096, 512MiB, 2GB, 1.5G: binary units have an i, decimal
// units do not.
func ParseSize(s string) (int64, error) {
	m := sizePattern.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return 0, fmt.Errorf("%q is not a size; write 512MiB or 2GB", s)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return 0, err
	}
	if m[2] != "" {
		base := 1000.0
		if strings.HasSuffix(m[2], "i") {
			base = 1024
		}
		n *= math.Pow(base, float64(1+strings.Index("KMGT", strings.ToUpper(m[2][:1]))))
	}
	if n >= 1<<62 {
		return 0, fmt.Errorf("%q is larger than any memory", s)
	}
	return int64(n), nil
}
