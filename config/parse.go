package config

import (
	"errors"
	"fmt"
	"path"

	"github.com/bpftime-go/bpftime/config/internal/yaml"
)

// MaxSize is the largest manifest, in bytes.
const MaxSize = yaml.MaxSize

// Parse reads a manifest. Name stands in messages, dir is the absolute directory that relative paths begin at: the file's, or the
// working directory for a text in the environment. Mistakes come as Errors, all that were found.
func Parse(name, dir string, text []byte) (*Manifest, error) {
	if !path.IsAbs(dir) {
		return nil, fmt.Errorf("%s: the directory %q that its paths begin at is not absolute", name, dir)
	}
	d := &decoder{name: name, dir: dir}
	root, err := yaml.Parse(text)
	if syntax := (*yaml.Error)(nil); errors.As(err, &syntax) {
		return nil, Errors{{File: name, Pos: Pos{syntax.Line, syntax.Col}, Msg: syntax.Msg}}
	}
	m := d.manifest(root)
	if len(d.errs) > 0 {
		return nil, d.errs.sorted()
	}
	return m, nil
}

// decoder walks the tree of a document. It goes on after a mistake, so that one reading tells them all.
type decoder struct {
	name, dir string
	errs      Errors
	visits    int
	stopped   bool // nothing more is visited, nor told
}

// Aliases can unfold a small text to a huge tree, and a huge text can have a mistake in every line: where either bound is
// reached the walk ends.
const (
	maxVisits = yaml.MaxNodes
	maxFound  = 1000
)

// visit counts a node and reports whether the walk may look at it.
func (d *decoder) visit(n *yaml.Node) bool {
	if d.visits++; d.visits > maxVisits {
		d.fail(n, fmt.Sprintf("the aliases unfold to more than %d values", maxVisits), "")
		d.stopped = true
	}
	return !d.stopped
}

func (d *decoder) fail(n *yaml.Node, msg, hint string) {
	if d.stopped {
		return
	}
	d.errs = append(d.errs, &Error{File: d.name, Pos: pos(n), Msg: msg, Hint: hint})
	d.stopped = len(d.errs) == maxFound
}

func pos(n *yaml.Node) Pos { return Pos{n.Line, n.Col} }

// wrong says that what should have been something else.
func (d *decoder) wrong(n *yaml.Node, what, expected, hint string) {
	d.fail(n, fmt.Sprintf("%s: expected %s, found %s", what, expected, describe(n)), hint)
}

func describe(n *yaml.Node) string {
	switch {
	case n.Kind != yaml.Scalar:
		return n.Kind.String()
	case n.IsNull():
		return "nothing"
	case len(n.Value) > 60:
		return fmt.Sprintf("%q...", n.Value[:60])
	}
	return fmt.Sprintf("%q", n.Value)
}

// pairs returns the entries of a mapping, each key once.
func (d *decoder) pairs(n *yaml.Node, what string) []yaml.Pair {
	if !d.visit(n) {
		return nil
	}
	if n.Kind != yaml.Mapping {
		d.wrong(n, what, "a mapping", "")
		return nil
	}
	seen := make(map[string]*yaml.Node, len(n.Pairs))
	unique := make([]yaml.Pair, 0, len(n.Pairs))
	for _, pair := range n.Pairs {
		key := pair.Key
		if first := seen[key.Value]; first != nil {
			d.fail(key, fmt.Sprintf("%s: %q is there twice, first in line %d", what, key.Value, first.Line), "keep one")
			continue
		}
		seen[key.Value] = key
		unique = append(unique, pair)
	}
	return unique
}

// field is a key of a mapping and what reads its value.
type field struct {
	name string
	read func(*yaml.Node)
}

// fields reads a mapping whose keys are known.
func (d *decoder) fields(n *yaml.Node, what string, known []field) {
	for _, pair := range d.pairs(n, what) {
		if f := lookupField(known, pair.Key.Value); f != nil {
			f.read(pair.Value)
			continue
		}
		d.unknownKey(pair.Key, known)
	}
}

func lookupField(known []field, name string) *field {
	for i := range known {
		if known[i].name == name {
			return &known[i]
		}
	}
	return nil
}

func (d *decoder) unknownKey(key *yaml.Node, known []field) {
	names := make([]string, len(known))
	for i, f := range known {
		names[i] = f.name
	}
	hint := suggest(key.Value, names)
	if key.Value == "<<" {
		hint = "merge keys are not read; write an alias for the whole value"
	}
	d.fail(key, "unknown key "+describe(key), hint)
}

// items returns the values of a list.
func (d *decoder) items(n *yaml.Node, what string) []*yaml.Node {
	if !d.visit(n) {
		return nil
	}
	if n.Kind != yaml.Sequence {
		d.wrong(n, what, "a list", "")
		return nil
	}
	return n.Items
}

// text reads a scalar as it is written, so that 42 is a name too. It reports false after a mistake.
func (d *decoder) text(n *yaml.Node, what, expected string) (string, bool) {
	if !d.visit(n) {
		return "", false
	}
	if n.Kind != yaml.Scalar || n.IsNull() || n.Value == "" {
		d.wrong(n, what, expected, "")
		return "", false
	}
	return n.Value, d.printable(n, what)
}

func (d *decoder) printable(n *yaml.Node, what string) bool {
	problem := unprintable(n.Value)
	if problem != "" {
		d.fail(n, what+": "+problem+" may not be part of this", "")
	}
	return problem == ""
}
