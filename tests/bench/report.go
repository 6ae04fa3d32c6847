package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// Report is all that one run measured; its JSON is what --json writes.
type Report struct {
	Machine Machine `json:"machine"`
	Agent   Agent   `json:"agent"`
	Groups  []Group `json:"groups"`
}

// Group is one table. All its rows were sampled interleaved.
type Group struct {
	Title string   `json:"title"`
	Unit  string   `json:"unit"`
	Notes []string `json:"notes,omitempty"` // what else was seen meanwhile
	Rows  []Row    `json:"rows"`
}

// Row is one line: a figure, or the reason why there is none.
type Row struct {
	Name   string  `json:"name"`
	Label  string  `json:"label"`
	Goal   goal    `json:"goal,omitzero"`
	Figure *Figure `json:"figure,omitempty"`
	Paired *Paired `json:"paired,omitempty"` // instead, in a table of pairs
	Absent string  `json:"absent,omitempty"` // why it was not measured
	Failed string  `json:"failed,omitempty"` // what was wrong with it
}

// goal is what a row should add at most, in the group's unit; ratio, when set, is the alternative: so many times the limit.
type goal struct {
	most, ratio float64
}

// MarshalJSON names the fields as the report does.
func (g goal) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Most  float64 `json:"most"`
		Ratio float64 `json:"ratio,omitempty"`
	}{g.most, g.ratio})
}

func (g goal) met(f Figure) bool {
	return f.cost() <= g.most || f.OverLimit != nil && *f.OverLimit <= g.ratio
}

func (g goal) String() string {
	switch {
	case g == goal{}:
		return ""
	case g.ratio != 0:
		return fmt.Sprintf("≤ %v or ≤ %v×", g.most, g.ratio)
	}
	return fmt.Sprintf("≤ %v", g.most)
}

func newAbsentRow(r row, err error) Row {
	absent := Row{Name: r.site, Label: r.label, Goal: r.goal}
	if errors.Is(err, errAbsent) {
		absent.Absent = err.Error()
	} else {
		absent.Failed = err.Error()
	}
	return absent
}

// brokenGroup stands for a whole table that could not be made.
func brokenGroup(err error) Group {
	return Group{Title: "broken off", Rows: []Row{{Name: "table", Label: "this table", Failed: err.Error()}}}
}

// setRatios relates rows to the limit of their table, where both were measured.
func (g *Group) setRatios(rows []row) {
	figures := map[string]*Figure{}
	for _, r := range g.Rows {
		figures[r.Name] = r.Figure
	}
	for i, r := range rows {
		if f, limit := g.Rows[i].Figure, figures[r.limit]; f != nil && limit != nil {
			f.OverLimit = overLimit(*f, *limit)
		}
	}
}

// failures is an error that names every row that should have a figure and has none.
func (r Report) failures() error {
	var errs []error
	for _, g := range r.Groups {
		for _, row := range g.Rows {
			if row.Failed != "" {
				errs = append(errs, fmt.Errorf("%s: %s: %s", g.Title, row.Label, row.Failed))
			}
		}
	}
	return errors.Join(errs...)
}

// write puts the report into the file as indented JSON; with no name it does nothing.
func (r Report) write(file string) error {
	if file == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

func (r Report) print(out io.Writer) {
	m := r.Machine
	fmt.Fprintf(out, "%s · %d CPUs · Linux %s · %s · system call %.0f ns · page fault %.0f ns\n",
		m.CPU, m.CPUs, m.Kernel, m.Go, m.SyscallNs, m.FaultNs)
	if r.Agent.Path == "" {
		fmt.Fprintln(out, "agent: none given")
		return
	}
	fmt.Fprintf(out, "agent: %d relocations · %d bytes · %s\n", r.Agent.Relocations, r.Agent.Bytes, r.Agent.Path)
}

const rowFormat = "%-44s %10s %10s %10s %10s %8s %8s  %s\n"

// print writes the table. Δ is what the row adds to its base, × how often the limit's addition. Figures marked ~ are medians
// of all samples, because too few were quiet; such a row is judged by its minimum.
func (g Group) print(out io.Writer) {
	title := g.Title
	if g.Unit != "" {
		title += ", " + g.Unit
	}
	fmt.Fprintf(out, "\n%s\n", strings.TrimSpace(g.header(title)))
	for _, note := range g.Notes {
		fmt.Fprintln(out, note)
	}
	for _, r := range g.Rows {
		r.print(out)
	}
}

func (g Group) header(title string) string {
	if slices.ContainsFunc(g.Rows, func(r Row) bool { return r.Paired != nil }) {
		return pairedHeader(title)
	}
	return fmt.Sprintf(rowFormat, title, "min", "median", "Δ min", "Δ median", "× limit", "quiet", "goal")
}

func (r Row) print(out io.Writer) {
	if r.Paired != nil {
		r.Paired.print(out, r)
		return
	}
	if r.Figure == nil {
		fmt.Fprintf(out, "  %-42s   %s\n", r.Label, strings.TrimSpace(r.Absent+" "+failedPrefix(r.Failed)))
		return
	}
	f := *r.Figure
	mark := ""
	if f.Disturbed {
		mark = "~"
	}
	line := fmt.Sprintf(rowFormat, "  "+r.Label, number(f.Min), mark+number(f.QuietMedian), number(f.AddedMin), mark+number(f.Added),
		ratio(f.OverLimit), fmt.Sprintf("%d/%d", f.Quiet, f.Samples), verdict(r.Goal, f))
	fmt.Fprintln(out, strings.TrimRight(line, " \n"))
}

func failedPrefix(failed string) string {
	if failed == "" {
		return ""
	}
	return "FAILED: " + failed
}

func verdict(g goal, f Figure) string {
	switch {
	case g == goal{}:
		return ""
	case g.met(f):
		return g.String() + ": met"
	}
	return g.String() + ": over"
}

// number shows three digits or so, whatever the size.
func number(v float64) string {
	switch {
	case v >= 1000 || v <= -1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 100 || v <= -100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func ratio(r *float64) string {
	if r == nil {
		return ""
	}
	return number(*r)
}
