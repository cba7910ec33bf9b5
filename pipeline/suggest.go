package pipeline

import (
	"fmt"
	"strings"
)

// DidYouMean gives `did you mean "x"?` for the candidate that is nearest to
// name, or "" when none is near enough to be what was meant.
func DidYouMean(name string, candidates []string) string {
	best, bestCost := "", 1+len([]rune(name))/3
	for _, c := range candidates {
		cost := editDistance(strings.ToLower(name), strings.ToLower(c))
		if len(name) >= 3 && strings.HasPrefix(c, name) {
			cost = min(cost, 1)
		}
		if cost < bestCost || cost == bestCost && best == "" {
			best, bestCost = c, cost
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", best)
}

// editDistance is the optimal string alignment distance: insertions,
// deletions, substitutions and swaps of neighbours (Damerau 1964). Long words
// are cut: they are no typing mistakes.
func editDistance(a, b string) int {
	s, t := []rune(a), []rune(b)
	if len(s) > 64 || len(t) > 64 {
		return 64
	}
	var rows [3][65]int
	for j := range t {
		rows[0][j+1] = j + 1
	}
	for i := range s {
		prev2, prev, cur := &rows[(i+2)%3], &rows[i%3], &rows[(i+1)%3]
		cur[0] = i + 1
		for j := range t {
			cost := 1
			if s[i] == t[j] {
				cost = 0
			}
			cur[j+1] = min(prev[j+1]+1, cur[j]+1, prev[j]+cost)
			if i > 0 && j > 0 && s[i] == t[j-1] && s[i-1] == t[j] {
				cur[j+1] = min(cur[j+1], prev2[j-1]+1)
			}
		}
	}
	return rows[len(s)%3][len(t)]
}
