package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
)

// printBinary ends with the sums, which is where a reader of a long list is; the reasons
// follow where no list has given them.
func printBinary(w io.Writer, v binaryView, o checkOptions) error {
	if o.lists() {
		if err := printLists(w, v); err != nil {
			return err
		}
	}
	if err := printSums(w, v); err != nil || o.lists() {
		return err
	}
	if v.Summary.Functions+v.Summary.Parts.Functions == 0 {
		io.WriteString(w, "\n"+show.Wrap("", "No functions are known in it: neither symbols nor unwind data say where they begin, as in stripped programs of Go."))
	}
	if err := printReasons(w, v.Summary.Refusals); err != nil || len(v.Summary.Refusals) == 0 {
		return err
	}
	_, err := io.WriteString(w, hint(v.Summary, o))
	return err
}

// printLists writes a table of each kind of site that there is.
func printLists(w io.Writer, v binaryView) error {
	for _, list := range []struct {
		n     int
		print func() error
	}{
		{len(v.Functions), func() error { return printFunctions(w, v.Functions) }},
		{len(v.Syscalls), func() error { return printSyscalls(w, v.Syscalls) }},
		{len(v.USDT), func() error { return printMarkers(w, v.USDT) }},
	} {
		if list.n == 0 {
			continue
		}
		if err := list.print(); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	return nil
}

// printSyscalls writes a row for each site, and below it why it is refused.
func printSyscalls(w io.Writer, calls []syscallView) error {
	if _, err := fmt.Fprintf(w, "%-8s  %-8s  %s\n", "SYSCALL", "NUMBER", "SITE"); err != nil {
		return err
	}
	for _, c := range calls {
		number := "-"
		if c.Number != nil {
			number = fmt.Sprint(*c.Number)
		}
		row := fmt.Sprintf("%-8s  %-8s  %s", orRefused(c.Tactic), number, show.Clean(c.Place))
		if err := printSite(w, row, c.Why); err != nil {
			return err
		}
	}
	return nil
}

func printMarkers(w io.Writer, markers []markerView) error {
	if _, err := fmt.Fprintf(w, "%-8s  %-8s  %s\n", "USDT", "ARGS", "MARKER"); err != nil {
		return err
	}
	for _, m := range markers {
		row := fmt.Sprintf("%-8s  %-8d  %s", orRefused(m.Tactic), m.Arguments, show.Clean(m.Provider+":"+m.Name))
		if err := printSite(w, row, m.Why); err != nil {
			return err
		}
	}
	return nil
}

func printSite(w io.Writer, row, why string) error {
	if why != "" {
		row += "\n" + strings.TrimSuffix(show.Wrap(strings.Repeat(" ", 22), why), "\n")
	}
	_, err := fmt.Fprintln(w, row)
	return err
}

// printFunctions writes a row for each function, and below it why something is refused.
func printFunctions(w io.Writer, fns []functionView) error {
	if _, err := fmt.Fprintf(w, "%-8s  %-8s  %s\n", "ENTRY", "RETURN", "FUNCTION"); err != nil {
		return err
	}
	for _, f := range fns {
		row := fmt.Sprintf("%-8s  %-8s  %s", orRefused(f.Entry), orRefused(f.Return), f.title())
		if err := printSite(w, row, cmp.Or(f.EntryWhy, f.ReturnWhy)); err != nil {
			return err
		}
	}
	return nil
}

func (f functionView) title() string {
	switch {
	case f.Name != "":
		return show.Clean(f.Name)
	case f.Part:
		return fmt.Sprintf("%#x (cold part)", f.Vaddr)
	}
	return fmt.Sprintf("%#x (no name)", f.Vaddr)
}

// printSums writes a row for each kind of site there is.
func printSums(w io.Writer, v binaryView) error {
	if _, err := fmt.Fprintf(w, "%s\n%-11s  %6s  %8s  %7s  %s\n", show.Clean(v.Path), "PROBE", "SITES", "POSSIBLE", "REFUSED", "HOW"); err != nil {
		return err
	}
	s := v.Summary
	for _, row := range []struct {
		name   string
		total  int
		counts tactics
	}{
		{"entry", s.Long.Functions, s.Long.Entry},
		{"  <5 bytes", s.Short.Functions, s.Short.Entry},
		{"return", s.Long.Functions, s.Long.Return},
		{"  <5 bytes", s.Short.Functions, s.Short.Return},
		{"cold part", s.Parts.Functions, s.Parts.Entry},
		{"syscall", s.Syscalls.Sites, s.Syscalls.Tactics},
		{"usdt", s.USDT.Sites, s.USDT.Tactics},
	} {
		if row.total > 0 {
			io.WriteString(w, sums(row.name, row.total, row.counts))
		}
	}
	return nil
}

func sums(name string, total int, counts tactics) string {
	refused := counts[refusedTactic]
	first := fmt.Sprintf("%-11s  %6d  %8s  %7d  ", name, total, percent(total-refused, total), refused)
	return show.Wrap(first, cmp.Or(counts.String(), "-"))
}

// percent never says 100 % of what is not all.
func percent(n, total int) string {
	if total == 0 {
		return "-"
	}
	tenths := (1000*n + total/2) / total
	if n < total {
		tenths = min(tenths, 999)
	}
	return fmt.Sprintf("%d.%d%%", tenths/10, tenths%10)
}

// String is "jump 3598, padding 43", the most frequent first.
func (t tactics) String() string {
	var names []string
	for name := range t {
		if name != refusedTactic {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(t[b], t[a]), cmp.Compare(a, b)) })
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", name, t[name])
	}
	return strings.Join(names, ", ")
}

// kinds are the columns of reasons: those of functions always, others where they are
// needed.
var kinds = []struct {
	name  string
	count func(reasonView) int
}{
	{"ENTRY", func(r reasonView) int { return r.Entry }},
	{"RETURN", func(r reasonView) int { return r.Return }},
	{"SYSCALL", func(r reasonView) int { return r.Syscall }},
	{"USDT", func(r reasonView) int { return r.USDT }},
}

// printReasons answers what would be lost, and why.
func printReasons(w io.Writer, reasons []reasonView) error {
	if len(reasons) == 0 {
		return nil
	}
	head := "\n"
	needed := kinds[:0:0]
	for i, k := range kinds {
		if i < 2 || slices.ContainsFunc(reasons, func(r reasonView) bool { return k.count(r) > 0 }) {
			needed = append(needed, k)
			head += fmt.Sprintf("%7s  ", k.name)
		}
	}
	fmt.Fprintln(w, head+"WHY NOT")
	for _, r := range reasons {
		first := ""
		for _, k := range needed {
			first += fmt.Sprintf("%7s  ", orDash(k.count(r)))
		}
		io.WriteString(w, show.Wrap(first, r.Why))
		if _, err := io.WriteString(w, show.Wrap(strings.Repeat(" ", len(first)+2), r.examples())); err != nil {
			return err
		}
	}
	return nil
}

// hint says how to see more.
func hint(s summaryView, o checkOptions) string {
	if s.Entry[refusedTactic] > 0 && !o.traps {
		return "\n--refused lists them all; --traps shows what \"traps: true\" would add.\n"
	}
	return "\n--refused lists them all.\n"
}

// examples names some sites and counts the others.
func (r reasonView) examples() string {
	text := strings.Join(r.Examples, ", ")
	if more := max(r.Entry, r.Return) + r.Syscall + r.USDT - len(r.Examples); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func orDash(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
