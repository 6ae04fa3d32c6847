package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/bpftime-go/bpftime/config/internal/yaml"
)

// The values of YAML 1.2's core schema (section 10.3.2), less what could be meant in two ways.

// uint reads an integer from low to high.
func (d *decoder) uint(n *yaml.Node, what string, low, high uint64) uint64 {
	if !d.visit(n) {
		return low
	}
	v, negative, err := parseInteger(n)
	if err != nil || negative && v != 0 || v < low || v > high {
		d.wrong(n, what, fmt.Sprintf("an integer from %d to %d", low, high), integerHint(n.Value))
		return low
	}
	return v
}

func (d *decoder) bool(n *yaml.Node, what string) bool {
	if !d.visit(n) {
		return false
	}
	v, ok := parseBool(n)
	if !ok {
		d.wrong(n, what, "true or false", "")
	}
	return v
}

func parseBool(n *yaml.Node) (v, ok bool) {
	if n.Kind != yaml.Scalar || n.Quoted {
		return false, false
	}
	switch n.Value {
	case "true", "True", "TRUE":
		return true, true
	case "false", "False", "FALSE":
		return false, true
	}
	return false, false
}

// parseInteger reads decimal, 0x and 0o integers of up to 64 bits, with the sign apart. The error is strconv's.
func parseInteger(n *yaml.Node) (v uint64, negative bool, err error) {
	if n.Kind != yaml.Scalar || n.Quoted {
		return 0, false, strconv.ErrSyntax
	}
	digits, negative := strings.CutPrefix(n.Value, "-")
	if !negative {
		digits = strings.TrimPrefix(digits, "+")
	}
	base := 10
	switch {
	case strings.HasPrefix(digits, "0x"):
		digits, base = digits[2:], 16
	case strings.HasPrefix(digits, "0o"):
		digits, base = digits[2:], 8
	case len(digits) > 1 && digits[0] == '0': // octal in YAML 1.1, decimal in 1.2
		return 0, false, strconv.ErrSyntax
	}
	v, err = strconv.ParseUint(digits, base, 64)
	return v, negative, err
}

// integerHint explains a leading zero.
func integerHint(text string) string {
	digits := strings.TrimLeft(text, "+-")
	if len(digits) > 1 && digits[0] == '0' && isNumber(digits[1:]) {
		return "a leading zero could mean octal; write it without, or as 0o and octal digits"
	}
	return ""
}

// maxNesting bounds arrays of structs of arrays in rodata.
const maxNesting = 16

func (d *decoder) rodata(n *yaml.Node, depth int) []Constant {
	pairs := d.pairs(n, "rodata")
	constants := make([]Constant, 0, len(pairs))
	for _, pair := range pairs {
		if d.checkName(pair.Key, "rodata") {
			constants = append(constants, Constant{pair.Key.Value, d.constant(pair.Value, pair.Key.Value, depth), pos(pair.Value)})
		}
	}
	return constants
}

// constant reads the value of a global, or of a member or element of one.
func (d *decoder) constant(n *yaml.Node, what string, depth int) any {
	switch {
	case n.Kind == yaml.Scalar:
		return d.scalar(n, what)
	case depth == maxNesting:
		d.fail(n, fmt.Sprintf("%s: nested deeper than %d levels", what, maxNesting), "")
		return nil
	case n.Kind == yaml.Mapping:
		return d.rodata(n, depth+1)
	}
	items := d.items(n, what)
	values := make([]any, 0, len(items))
	for _, item := range items {
		values = append(values, d.constant(item, what, depth+1))
	}
	return values
}

func (d *decoder) scalar(n *yaml.Node, what string) any {
	if !d.visit(n) || n.Quoted {
		d.printable(n, what)
		return n.Value
	}
	if n.IsNull() {
		d.wrong(n, what, "a value", "")
		return nil
	}
	if v, ok := parseBool(n); ok {
		return v
	}
	if looksNumeric(n.Value) {
		return d.integer(n, what)
	}
	switch strings.ToLower(n.Value) {
	case "yes", "no", "on", "off", "y", "n": // booleans in YAML 1.1, strings in 1.2
		d.wrong(n, what, "a value", "write true or false, or the text in quotes")
	}
	return n.Value
}

// looksNumeric reports whether a plain scalar is meant as a number.
func looksNumeric(s string) bool {
	s = strings.ToLower(strings.TrimLeft(s, "+-"))
	if s == ".inf" || s == ".nan" {
		return true
	}
	if s == "" || (s[0] < '0' || s[0] > '9') && s[0] != '.' {
		return false
	}
	_, err := strconv.ParseFloat(s, 64)
	return err == nil || strings.Trim(s, "0123456789") == "" || strings.HasPrefix(s, "0x") || strings.HasPrefix(s, "0o")
}

// integer reads an integer of 64 bits, with or without sign.
func (d *decoder) integer(n *yaml.Node, what string) any {
	v, negative, err := parseInteger(n)
	switch {
	case errors.Is(err, strconv.ErrRange) || negative && v > 1<<63:
		d.wrong(n, what, "an integer of at most 64 bits", "")
	case err != nil && integerHint(n.Value) != "":
		d.wrong(n, what, "an integer", integerHint(n.Value))
	case err != nil:
		d.wrong(n, what, "an integer", "BPF has no floating point; quote it if it is text")
	case negative && v != 0:
		return -int64(v-1) - 1
	}
	return v
}
