package main

import (
	"math"
	"slices"
)

// quietMargin is sample.h's QUIET: a sample is quiet when its reference is at most this much above the best level.
const quietMargin = 1.08

// enoughQuiet is how many quiet samples a median must rest on; with fewer, all samples count and the figure is marked.
const enoughQuiet = 5

// series holds one variant's samples, one a round: the value in the table's unit and the reference measured beside it.
type series struct {
	values     []float64
	references []float64
}

func (s *series) add(value, reference float64) {
	s.values = append(s.values, value)
	s.references = append(s.references, reference)
}

// quiet says of each round whether nothing disturbed it, given the reference level of a quiet core.
func (s series) quiet(best float64) []bool {
	quiet := make([]bool, len(s.references))
	for i, r := range s.references {
		quiet[i] = r <= best*quietMargin
	}
	return quiet
}

// Figure is what the samples of one row say. Values have the unit of the group.
type Figure struct {
	Min         float64  `json:"min"`          // of all samples
	QuietMedian float64  `json:"quiet_median"` // of the quiet samples; of all, when Disturbed
	Median      float64  `json:"median"`       // of all samples
	Samples     int      `json:"samples"`
	Quiet       int      `json:"quiet"`               // samples that are quiet in this variant and in its base
	Disturbed   bool     `json:"disturbed,omitempty"` // too few were quiet: the medians are of all samples
	AddedMin    float64  `json:"added_min"`           // Min less the base's
	Added       float64  `json:"added"`               // median over the rounds of the difference from the base in the same round
	OverLimit   *float64 `json:"over_limit,omitempty"`
}

// compare makes the figure of s against base; both come from the same rounds. scale multiplies the differences.
func compare(s, base series, best, scale float64) Figure {
	both := and(s.quiet(best), base.quiet(best))
	f := Figure{
		Min:      slices.Min(s.values),
		Median:   median(s.values),
		Samples:  len(s.values),
		Quiet:    count(both),
		AddedMin: scale * (slices.Min(s.values) - slices.Min(base.values)),
	}
	if f.Quiet < enoughQuiet {
		f.Disturbed = true
		both = all(len(both))
	}
	f.QuietMedian = median(pick(s.values, both))
	f.Added = scale * median(pick(differences(s.values, base.values), both))
	return f
}

// cost is what judgements rest on: the median, or the minimum where too few samples were quiet for a median to mean much.
func (f Figure) cost() float64 {
	if f.Disturbed {
		return f.AddedMin
	}
	return f.Added
}

// overLimit is the ratio of what two rows added, or nil where the limit added nothing that could be told from zero.
func overLimit(row, limit Figure) *float64 {
	if limit.cost() <= 0 {
		return nil
	}
	ratio := row.cost() / limit.cost()
	return &ratio
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

func differences(a, b []float64) []float64 {
	d := make([]float64, len(a))
	for i := range a {
		d[i] = a[i] - b[i]
	}
	return d
}

func pick(values []float64, keep []bool) []float64 {
	var picked []float64
	for i, v := range values {
		if keep[i] {
			picked = append(picked, v)
		}
	}
	return picked
}

func and(a, b []bool) []bool {
	both := make([]bool, len(a))
	for i := range a {
		both[i] = a[i] && b[i]
	}
	return both
}

func all(n int) []bool {
	return slices.Repeat([]bool{true}, n)
}

func count(set []bool) int {
	n := 0
	for _, b := range set {
		if b {
			n++
		}
	}
	return n
}
