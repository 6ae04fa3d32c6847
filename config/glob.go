package config

import (
	"fmt"
	"iter"
	"strings"
)

// match reports whether the whole of text matches pattern, byte by byte:
//
//   - any run of bytes, '/' too, or none
//     ?       any one byte
//     [a-z_]  one byte of the set; [!a-z] or [^a-z] one byte outside it; ']' as the first is a member
//
// Any other byte, the backslash too, is itself. Going back to the last '*' alone is enough, so the cost is at most
// len(pattern) * len(text) steps.
func match(pattern, text string) bool {
	star, from := -1, 0 // the last '*', and where the text it must not take begins
	p, t := 0, 0
	for t < len(text) {
		if p < len(pattern) && pattern[p] == '*' {
			star, from = p, t
			p++
			continue
		}
		if n, ok := matchByte(pattern[p:], text[t]); ok {
			p, t = p+n, t+1
			continue
		}
		if star < 0 {
			return false
		}
		from++
		p, t = star+1, from
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchByte matches one byte against the element that pattern begins with, and returns that element's length.
func matchByte(pattern string, c byte) (n int, ok bool) {
	if pattern == "" {
		return 0, false
	}
	if pattern[0] == '[' {
		if n = setLen(pattern); n == 0 {
			return 0, false
		}
		return n, inSet(pattern[1:n-1], c)
	}
	return 1, pattern[0] == c || pattern[0] == '?'
}

// setLen is the length of the bracketed set that pattern begins with, 0 if it is not closed.
func setLen(pattern string) int {
	i := 1
	if i < len(pattern) && isNot(pattern[i]) {
		i++
	}
	i++ // the first member, be it ']'
	if i >= len(pattern) {
		return 0
	}
	end := strings.IndexByte(pattern[i:], ']')
	if end < 0 {
		return 0
	}
	return i + end + 1
}

func isNot(c byte) bool { return c == '!' || c == '^' }

func cutNot(set string) (rest string, not bool) {
	if isNot(set[0]) {
		return set[1:], true
	}
	return set, false
}

// inSet reports whether c is in the set between the brackets.
func inSet(set string, c byte) bool {
	set, not := cutNot(set)
	for low, high := range ranges(set) {
		if low <= c && c <= high {
			return !not
		}
	}
	return not
}

// ranges yields the members of a set: "a-z" is from a to z, a byte alone from itself to itself.
func ranges(set string) iter.Seq2[byte, byte] {
	return func(yield func(low, high byte) bool) {
		for i := 0; i < len(set); i++ {
			low, high := set[i], set[i]
			if i+2 < len(set) && set[i+1] == '-' {
				high = set[i+2]
				i += 2
			}
			if !yield(low, high) {
				return
			}
		}
	}
}

// checkSets says what is wrong with the sets of a pattern.
func checkSets(pattern string) string {
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '[' {
			continue
		}
		n := setLen(pattern[i:])
		if n == 0 {
			return "a '[' is not closed; write [[] for the character itself"
		}
		set, _ := cutNot(pattern[i+1 : i+n-1])
		for low, high := range ranges(set) {
			if low > high {
				return fmt.Sprintf("the range %c-%c is empty; write its ends in order", low, high)
			}
		}
		i += n - 1
	}
	return ""
}
