package show

import (
	"fmt"
	"io"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// Log2 draws counts of powers of two as the kernel's tools do (print_log2_hist of
// bcc's trace_helpers.c): slot 0 counts 0 and 1, slot i counts 2^i to 2^(i+1)-1. Of
// counts that are all zero it draws nothing.
//
//	usecs               : count    distribution
//	    0 -> 1          : 12       |****************************************|
func Log2(w io.Writer, counts []uint64, unit string) error {
	counts = trimZero(counts[:min(len(counts), 64)])
	if len(counts) == 0 {
		return nil
	}
	width, stars := 10, 40
	if len(counts) > 33 {
		width, stars = 20, 20
	}
	most := slices.Max(counts)
	digits := max(8, len(strconv.FormatUint(most, 10)))
	stars -= max(0, digits-10) // 80 columns, whatever is counted
	_, err := fmt.Fprintf(w, "%*s%-*s : %-*s distribution\n", width-5, "", width+9, unit, digits, "count")
	if err != nil {
		return err
	}
	for i, n := range counts {
		low, high := bounds(i)
		if _, err := fmt.Fprintf(w, "%*d -> %-*d : %-*d |%-*s|\n", width, low, width, high, digits, n, stars, bar(n, most, stars)); err != nil {
			return err
		}
	}
	return nil
}

func trimZero(counts []uint64) []uint64 {
	for len(counts) > 0 && counts[len(counts)-1] == 0 {
		counts = counts[:len(counts)-1]
	}
	return counts
}

func bounds(slot int) (low, high uint64) {
	if slot == 0 {
		return 0, 1
	}
	return 1 << slot, 1<<(slot+1) - 1
}

func bar(n, most uint64, width int) string {
	hi, lo := bits.Mul64(n, uint64(width))
	stars, _ := bits.Div64(hi, lo, most)
	return strings.Repeat("*", int(stars))
}

// A Histogram is counts by powers of two that were found inside a value.
type Histogram struct {
	Name   string // of the field, or path to it
	Counts []uint64
}

// IsHistogram guesses from a name whether so many counters of that name count powers of
// two: slots and hist are what kernel tools call them (struct hist { __u32
// slots[MAX_SLOTS]; }); a unit alone is enough for sixteen and more.
func IsHistogram(name string, n int) bool {
	if n < 2 || n > 64 {
		return false
	}
	for _, word := range words(name) {
		switch word {
		case "slots", "hist", "hists", "histogram", "dist", "latency", "sizes":
			return true
		}
	}
	return n >= 16 && Unit(name) != noUnit
}

// words are the parts of a C name, without numbers.
func words(name string) []string {
	return strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r < 'a' || r > 'z' })
}

// Histograms finds the log2 histograms in a value, and what is left without them: nil
// if nothing is.
func Histograms(v Value) (found []Histogram, rest Value) {
	switch v := v.(type) {
	case Object:
		return objectHistograms(v)
	case List:
		var left List
		for i, e := range v {
			hs, r := Histograms(e)
			found = append(found, prefixed(fmt.Sprintf("[%d]", i), hs)...)
			if r != nil {
				left = append(left, r)
			}
		}
		if len(found) == 0 {
			return nil, v
		}
		return found, nilIfEmpty(left)
	}
	return nil, v
}

func nilIfEmpty(l List) Value {
	if len(l) == 0 {
		return nil
	}
	return l
}

func objectHistograms(o Object) (found []Histogram, rest Value) {
	var left Object
	for _, f := range o {
		if counts, ok := numbers(f.Value); ok && IsHistogram(f.Name, len(counts)) {
			found = append(found, Histogram{strings.TrimPrefix(f.Name, slotsName), counts})
			continue
		}
		hs, r := Histograms(f.Value)
		found = append(found, prefixed(f.Name, hs)...)
		if r != nil {
			left = append(left, Field{f.Name, r})
		}
	}
	switch {
	case len(found) == 0:
		return nil, o
	case len(left) == 0:
		return found, nil
	}
	return found, left
}

func prefixed(name string, hs []Histogram) []Histogram {
	for i := range hs {
		if hs[i].Name != "" && !strings.HasPrefix(hs[i].Name, "[") {
			hs[i].Name = "." + hs[i].Name
		}
		hs[i].Name = name + hs[i].Name
	}
	return hs
}

// slotsName says nothing that the name of its struct does not.
const slotsName = "slots"

// numbers is a list of unsigned numbers.
func numbers(v Value) ([]uint64, bool) {
	list, ok := v.(List)
	if !ok {
		return nil, false
	}
	out := make([]uint64, len(list))
	for i, e := range list {
		if out[i], ok = e.(uint64); !ok {
			return nil, false
		}
	}
	return out, true
}

// Unit guesses from a name what its histogram counts, as the kernel's tools write it.
func Unit(name string) string {
	for _, word := range words(name) {
		switch word {
		case "ns", "nsec", "nsecs":
			return "nsecs"
		case "us", "usec", "usecs":
			return "usecs"
		case "ms", "msec", "msecs":
			return "msecs"
		case "size", "sizes", "bytes":
			return "bytes"
		}
	}
	return noUnit
}

const noUnit = "value"
