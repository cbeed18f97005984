package text

import "strings"

// Nearest is the candidate that a person who wrote word most likely meant, empty if none is close. Nearness is the
// number of letters to change, at most a third of the word; a candidate that begins with the word (topic, topics) or
// that the word begins with (integer, int) is near whatever its length.
func Nearest(word string, candidates []string) string {
	best, bestCost := "", 1<<30
	lower := strings.ToLower(word)
	for _, c := range candidates {
		cost := Distance(lower, strings.ToLower(c))
		limit := max(1, (max(len(word), len(c))+1)/3)
		prefixed := len(lower) >= 3 && len(c) >= 3 && (strings.HasPrefix(c, lower) || strings.HasPrefix(lower, c))
		if prefixed {
			cost = min(cost, 1)
		}
		if cost <= limit && cost < bestCost {
			best, bestCost = c, cost
		}
	}
	return best
}

// Distance counts the letters to insert, drop, replace, or swap with their neighbour, to make b of a (optimal string
// alignment).
func Distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	var before, above []int
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(x); i++ {
		before, above, row = above, row, make([]int, len(y)+1)
		row[0] = i
		for j := 1; j <= len(y); j++ {
			differ := 1
			if x[i-1] == y[j-1] {
				differ = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+differ)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(y)]
}
