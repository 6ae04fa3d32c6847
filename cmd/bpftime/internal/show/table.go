package show

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Width is what is printed in.
const Width = 80

// A Table is printed with aligned columns. A column whose name begins with '>' is
// aligned to the right. The last one is not padded, so it may be of any length: what
// is long belongs there.
type Table struct {
	Indent  string
	Columns []string
	Rows    [][]string
}

// Add appends a row; values that are not strings are written as fmt does.
func (t *Table) Add(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = cell(fmt.Sprint(c))
	}
	t.Rows = append(t.Rows, row)
}

// Print writes the heading and the rows.
func (t *Table) Print(w io.Writer) error {
	heads := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		heads[i] = strings.TrimPrefix(c, ">")
	}
	widths := t.widths(heads)
	for _, row := range append([][]string{heads}, t.Rows...) {
		if _, err := fmt.Fprintln(w, t.Indent+t.line(row, widths)); err != nil {
			return err
		}
	}
	return nil
}

func (t *Table) widths(heads []string) []int {
	widths := make([]int, len(heads))
	for _, row := range append([][]string{heads}, t.Rows...) {
		for i, c := range row[:min(len(row), len(widths))] {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	return widths
}

func (t *Table) line(row []string, widths []int) string {
	var b strings.Builder
	for i, c := range row {
		if i > 0 {
			b.WriteString("  ")
		}
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c))
		switch {
		case strings.HasPrefix(t.Columns[i], ">"):
			b.WriteString(pad + c)
		case i == len(row)-1:
			b.WriteString(c)
		default:
			b.WriteString(c + pad)
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// Wrap cleans text and breaks it at blanks so that lines end before Width where they can. The first
// line begins with first, the others with as many blanks.
func Wrap(first, text string) string {
	indent := strings.Repeat(" ", utf8.RuneCountInString(first))
	line, used := first, false
	var b strings.Builder
	for word := range strings.FieldsSeq(Clean(text)) {
		if used && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > Width {
			b.WriteString(line + "\n")
			line, used = indent, false
		}
		if used {
			line += " "
		}
		line += word
		used = true
	}
	b.WriteString(line + "\n")
	return b.String()
}

// Hexdump writes bytes as hexdump -C does, each line behind the indent.
func Hexdump(w io.Writer, indent string, b []byte) error {
	for at := 0; at < len(b); at += 16 {
		part := b[at:min(at+16, len(b))]
		var hex, text strings.Builder
		for i, c := range part {
			if i == 8 {
				hex.WriteByte(' ')
			}
			fmt.Fprintf(&hex, "%02x ", c)
			if c < ' ' || c > '~' {
				c = '.'
			}
			text.WriteByte(c)
		}
		if _, err := fmt.Fprintf(w, "%s%04x  %-50s|%s|\n", indent, at, hex.String(), text.String()); err != nil {
			return err
		}
	}
	return nil
}
