// Package yaml reads the YAML a manifest is written in, into a tree whose every node knows its line and column.
//
// Protocol: [Parse] is given the whole text, keeps nothing of it between calls and may run on any goroutine. The text is
// hostile input: it may come from an environment variable of a process that does not trust us. So time and memory are linear
// in its length, nesting and the number of nodes are bounded, and nothing panics. Aliases share the node of their anchor, so a
// reader that walks the tree must bound its walk: nine lines of aliases to aliases unfold to a billion nodes.
//
// Everything accepted means what YAML 1.2 (https://yaml.org/spec/1.2.2/) says it means; the tests hold every accepted text
// against a full implementation. JSON is accepted, and so are block and flow collections, plain and quoted scalars over one or
// several lines, comments, anchors and aliases. What no manifest needs is refused with its position and what to write
// instead: tags, block scalars (| and >), keys that are not scalars, "? key", single pairs in lists, directives, a second document.
//
// Why not a library: the start of every traced process pays for this reader before main. docs/RATIONALE.md has the figures.
package yaml

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// Kind says what a node is.
type Kind uint8

const (
	Scalar Kind = iota
	Sequence
	Mapping
)

func (k Kind) String() string {
	switch k {
	case Sequence:
		return "a list"
	case Mapping:
		return "a mapping"
	}
	return "a value"
}

// Node is one value of the document, at the line and column (both from 1, columns in characters) where its text begins.
type Node struct {
	Kind      Kind
	Line, Col int
	Value     string  // Scalar: the text, quotes and escapes resolved
	Quoted    bool    // Scalar: it stood in quotes, so it is a string whatever it looks like
	Items     []*Node // Sequence
	Pairs     []Pair  // Mapping, in the order of the text; keys may repeat
}

// Pair is one entry of a mapping. Key is a Scalar.
type Pair struct{ Key, Value *Node }

// IsNull reports whether n is YAML's null: nothing at all, "~" or "null", unquoted.
func (n *Node) IsNull() bool {
	if n.Kind != Scalar || n.Quoted {
		return false
	}
	switch n.Value {
	case "", "~", "null", "Null", "NULL":
		return true
	}
	return false
}

// Bounds of one document. A manifest of ten thousand probes stays far below them.
const (
	MaxSize  = 1 << 20 // bytes of text
	MaxDepth = 64      // collections inside collections
	MaxNodes = 200_000
)

// Error is a place the text stops being a document, and what to do about it.
type Error struct {
	Line, Col int
	Msg       string
}

func (e *Error) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Col, e.Msg) }

// Parse reads one document. Its errors are of type *Error. A text without content is a null scalar.
func Parse(text []byte) (*Node, error) {
	if len(text) > MaxSize {
		return nil, &Error{1, 1, fmt.Sprintf("the text has %d bytes, more than the %d allowed", len(text), MaxSize)}
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	if err := checkCharacters(text); err != nil {
		return nil, err
	}
	p := &parser{text: text, line: 1, markCol: 1, anchors: map[string]*Node{}}
	return p.document()
}

// checkCharacters refuses what is not printable UTF-8, so that the parser may take a zero byte for the end of the text.
func checkCharacters(text []byte) error {
	line, col := 1, 1
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return &Error{line, col, fmt.Sprintf("byte 0x%02x is not UTF-8; save the file as UTF-8", text[i])}
		case r == '\n':
			line, col = line+1, 0
		case r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 && r != 0x85 || r == 0xfeff || r == 0xfffe || r == 0xffff:
			return &Error{line, col, fmt.Sprintf("the control character %U may not stand here; write it as an escape in double quotes", r)}
		}
		i, col = i+size, col+1
	}
	return nil
}
