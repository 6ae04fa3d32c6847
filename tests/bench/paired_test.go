package main

import (
	"math"
	"strings"
	"testing"
)

// The interval of 1, 2, 3, 4, 5 is 3 ± 2.776·√(2.5/5), as tables of statistics have it.
func TestInterval(t *testing.T) {
	mean, half := interval([]float64{1, 2, 3, 4, 5})
	if mean != 3 || math.Abs(half-1.96293) > 1e-4 {
		t.Errorf("%v ± %v", mean, half)
	}
	if _, half := interval([]float64{1}); half != math.MaxFloat64 {
		t.Errorf("one value is known up to %v", half)
	}
	if got := student(1000); got != 2.042 {
		t.Errorf("a thousand degrees of freedom: %v", got)
	}
}

// What drifts in a variant and its base alike adds nothing to the difference, nor to its interval.
func TestPairsCancelDrift(t *testing.T) {
	p := pair([]float64{1.01, 2.02, 4.04}, []float64{1, 2, 4})
	for what, v := range map[string]float64{"mean": p.Mean, "low": p.Low, "high": p.High, "median": p.Median} {
		if math.Abs(v-1) > 1e-9 {
			t.Errorf("%s: %v, want 1", what, v)
		}
	}
}

func TestPrintPairs(t *testing.T) {
	const want = `
nginx, µs                                        median   Δ mean %          95 % interval   Δ median  pairs  goal
calls a request: 5.0
  without                                         20.00       0.00          +0.00 … +0.00       0.00     24
  syscount                                        20.20       1.00          +0.50 … +1.50       1.10     24  ≤ 2 %: met
  slow                                            20.40       1.90          +1.50 … +2.30       1.90     24  ≤ 2 %: not told
  slower                                          20.60       3.00          +2.50 … +3.50       3.00     24  ≤ 2 %: over
  kernel                                       not measured
`
	g := Group{Title: "nginx", Unit: "µs", Notes: []string{"calls a request: 5.0"}, Rows: []Row{
		{Label: "without", Paired: &Paired{Pairs: 24, Typical: 20}},
		{Label: "syscount", Goal: goal{most: 2}, Paired: &Paired{Pairs: 24, Typical: 20.2, Mean: 1, Low: 0.5, High: 1.5, Median: 1.1}},
		{Label: "slow", Goal: goal{most: 2}, Paired: &Paired{Pairs: 24, Typical: 20.4, Mean: 1.9, Low: 1.5, High: 2.3, Median: 1.9}},
		{Label: "slower", Goal: goal{most: 2}, Paired: &Paired{Pairs: 24, Typical: 20.6, Mean: 3, Low: 2.5, High: 3.5, Median: 3}},
		newAbsentRow(row{label: "kernel"}, errAbsent),
	}}
	var out strings.Builder
	g.print(&out)
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
	}
}
