package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
)

func printBinaries(w io.Writer, views []binaryView, o checkOptions) error {
	for i, v := range views {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := printBinary(w, v, o); err != nil {
			return err
		}
	}
	return nil
}

// printBinary ends with the sums, which is where a reader of a long list is; the reasons
// follow where no list has given them.
func printBinary(w io.Writer, v binaryView, o checkOptions) error {
	if o.lists() && len(v.Functions) > 0 {
		if err := printFunctions(w, v.Functions); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	if err := printSums(w, v); err != nil || o.lists() {
		return err
	}
	return printReasons(w, v.Summary.Refusals)
}

// printFunctions writes a row for each function, and below it why something is refused.
func printFunctions(w io.Writer, fns []functionView) error {
	if _, err := fmt.Fprintf(w, "%-8s  %-8s  %s\n", "ENTRY", "RETURN", "FUNCTION"); err != nil {
		return err
	}
	for _, f := range fns {
		if _, err := fmt.Fprintf(w, "%-8s  %-8s  %s\n", orRefused(f.Entry), orRefused(f.Return), f.title()); err != nil {
			return err
		}
		if why := cmp.Or(f.EntryWhy, f.ReturnWhy); why != "" {
			io.WriteString(w, show.Wrap(strings.Repeat(" ", 22), why))
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
		counts map[string]int
	}{
		{"entry", s.Long.Functions, s.Long.Entry},
		{"  <5 bytes", s.Short.Functions, s.Short.Entry},
		{"return", s.Long.Functions, s.Long.Return},
		{"  <5 bytes", s.Short.Functions, s.Short.Return},
		{"cold part", s.Parts.Functions, s.Parts.Entry},
	} {
		if row.total > 0 || row.name == "entry" || row.name == "return" {
			io.WriteString(w, sums(row.name, row.total, row.counts))
		}
	}
	return nil
}

func sums(name string, total int, counts map[string]int) string {
	refused := counts[refusedTactic]
	first := fmt.Sprintf("%-11s  %6d  %8s  %7d  ", name, total, percent(total-refused, total), refused)
	return show.Wrap(first, cmp.Or(tactics(counts), "-"))
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

// tactics writes "jump 3598, padding 43", the most frequent first.
func tactics(counts map[string]int) string {
	var names []string
	for t := range counts {
		if t != refusedTactic {
			names = append(names, t)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	for i, t := range names {
		names[i] = fmt.Sprintf("%s %d", t, counts[t])
	}
	return strings.Join(names, ", ")
}

// printReasons answers what would be lost, and why.
func printReasons(w io.Writer, reasons []reasonView) error {
	if len(reasons) == 0 {
		return nil
	}
	fmt.Fprintf(w, "\n%6s  %6s  %s\n", "ENTRY", "RETURN", "WHY NOT")
	for _, r := range reasons {
		first := fmt.Sprintf("%6s  %6s  ", orDash(r.Entry), orDash(r.Return))
		io.WriteString(w, show.Wrap(first, r.Why))
		text := strings.Join(r.Examples, ", ")
		if more := max(r.Entry, r.Return) - len(r.Examples); more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		io.WriteString(w, show.Wrap(strings.Repeat(" ", len(first)+2), text))
	}
	_, err := io.WriteString(w, "\n--refused lists them all.\n")
	return err
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
