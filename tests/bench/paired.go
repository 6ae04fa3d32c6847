package main

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// Paired is what rounds say in which a variant and its base were measured one after the other: what the variant adds, in
// percent of its base in the same round.
type Paired struct {
	Pairs   int     `json:"pairs"`
	Typical float64 `json:"typical"` // median of the variant, in the group's unit
	Mean    float64 `json:"mean"`    // of what it adds
	Low     float64 `json:"low"`     // and the mean's 95 % interval
	High    float64 `json:"high"`
	Median  float64 `json:"median"`
}

// pair compares values of the same rounds.
func pair(values, base []float64) Paired {
	added := make([]float64, len(values))
	for i, v := range values {
		added[i] = 100 * (v/base[i] - 1)
	}
	mean, half := interval(added)
	return Paired{Pairs: len(added), Typical: median(values), Mean: mean, Low: mean - half, High: mean + half, Median: median(added)}
}

// interval is the mean and half the width of its 95 % interval, by Student's distribution; one value has none.
func interval(values []float64) (mean, half float64) {
	n := float64(len(values))
	for _, v := range values {
		mean += v / n
	}
	squares := 0.0
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	if n < 2 {
		return mean, math.MaxFloat64
	}
	return mean, student(len(values)-1) * math.Sqrt(squares/(n-1)/n)
}

// students are the two-sided 95 % points of Student's distribution, from one degree of freedom on.
var students = []float64{12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
	2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042}

// student is the point for so many degrees of freedom; with more than are listed it is a little too large.
func student(freedom int) float64 { return students[min(freedom, len(students))-1] }

const pairedFormat = "%-44s %10s %10s %22s %10s %6s  %s\n"

// pairedHeader is that of a table of pairs.
func pairedHeader(title string) string {
	return fmt.Sprintf(pairedFormat, title, "median", "Δ mean %", "95 % interval", "Δ median", "pairs", "goal")
}

func (p Paired) print(out io.Writer, r Row) {
	line := fmt.Sprintf(pairedFormat, "  "+r.Label, number(p.Typical), number(p.Mean), fmt.Sprintf("%+.2f … %+.2f", p.Low, p.High),
		number(p.Median), fmt.Sprint(p.Pairs), p.verdict(r.Goal))
	fmt.Fprintln(out, strings.TrimRight(line, " \n"))
}

// verdict asks more of pairs than a mean: the whole interval has to be within the goal, or beyond it.
func (p Paired) verdict(g goal) string {
	switch {
	case g == goal{}:
		return ""
	case p.High <= g.most:
		return g.String() + " %: met"
	case p.Low > g.most:
		return g.String() + " %: over"
	}
	return g.String() + " %: not told"
}
