package main

import (
	"math"
	"testing"
)

func newSeries(pairs ...float64) series {
	var s series
	for i := 0; i < len(pairs); i += 2 {
		s.add(pairs[i], pairs[i+1])
	}
	return s
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{3}, 3},
		{[]float64{9, 1, 5}, 5},
		{[]float64{4, 1, 2, 100}, 3},
	} {
		if got := median(c.values); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.values, got, c.want)
		}
	}
	if got := median(nil); !math.IsNaN(got) {
		t.Errorf("median of nothing = %v", got)
	}
}

// Rounds 2 and 7 are disturbed, one in each series: neither may count, and what drifts in both cancels.
func TestCompareUsesQuietRounds(t *testing.T) {
	base := newSeries(1, 1, 900, 2, 2, 1, 3, 1, 4, 1, 5, 1, 6, 1)
	probed := newSeries(11, 1, 11, 1, 12, 1, 13, 1, 14, 1, 15, 1, 800, 1.09)
	f := compare(probed, base, 1, 1)
	want := Figure{Min: 11, QuietMedian: 13, Median: 13, Samples: 7, Quiet: 5, AddedMin: 10, Added: 10}
	if f != want {
		t.Errorf("got %+v, want %+v", f, want)
	}
}

func TestCompareSaysWhenDisturbed(t *testing.T) {
	base := newSeries(1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 1)
	probed := newSeries(3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 7, 1)
	f := compare(probed, base, 1, 1)
	want := Figure{Min: 3, QuietMedian: 3, Median: 3, Samples: 6, Quiet: 1, Disturbed: true, AddedMin: 2, Added: 2}
	if f != want {
		t.Errorf("got %+v, want %+v", f, want)
	}
}

func TestOverLimit(t *testing.T) {
	if got := overLimit(Figure{Added: 3}, Figure{Added: 1.5}); got == nil || *got != 2 {
		t.Errorf("3 over 1.5 = %v, want 2", got)
	}
	disturbed := Figure{Added: 90, AddedMin: 6, Disturbed: true}
	if got := overLimit(disturbed, Figure{Added: 1.5, AddedMin: 77}); got == nil || *got != 4 {
		t.Errorf("6 at least over 1.5 = %v, want 4", got)
	}
	if got := overLimit(Figure{Added: 3}, Figure{Added: -0.1}); got != nil {
		t.Errorf("a limit below zero gave the ratio %v", *got)
	}
}

func TestGoal(t *testing.T) {
	two, three := 2.0, 3.0
	for _, c := range []struct {
		name string
		goal goal
		f    Figure
		want string
	}{
		{"within", goal{most: 3}, Figure{Added: 3}, "≤ 3: met"},
		{"beyond", goal{most: 3}, Figure{Added: 3.1}, "≤ 3: over"},
		{"beyond, but near the limit", goal{most: 3, ratio: 2}, Figure{Added: 9, OverLimit: &two}, "≤ 3 or ≤ 2×: met"},
		{"far from both", goal{most: 3, ratio: 2}, Figure{Added: 9, OverLimit: &three}, "≤ 3 or ≤ 2×: over"},
		{"disturbed", goal{most: 3}, Figure{Added: 90, AddedMin: 2, Disturbed: true}, "≤ 3: met"},
		{"nothing to reach", goal{}, Figure{Added: 9}, ""},
		{"nothing added", goal{most: 0.4}, Figure{Added: -1}, "≤ 0.4: met"},
	} {
		if got := verdict(c.goal, c.f); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
