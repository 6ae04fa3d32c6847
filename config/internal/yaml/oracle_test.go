package yaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	oracle "go.yaml.in/yaml/v3"
)

// The package reads a part of YAML. These tests hold that part against a full implementation: whatever Parse accepts,
// go.yaml.in/yaml/v3 accepts too, with the same values at the same places.

// compare fails the test unless both read the text alike, or Parse refuses it.
func compare(t *testing.T, text string) {
	t.Helper()
	n, err := Parse([]byte(text))
	if err != nil {
		return
	}
	// The oracle places an anchored node at its anchor, we at its text.
	places := !strings.Contains(text, "&")
	want, err := oracleTree([]byte(text), places)
	if err != nil {
		t.Fatalf("%q is accepted, but it is not YAML: %v", text, err)
	}
	var b strings.Builder
	renderOurs(&b, n, places, 0)
	if got := b.String(); got != want {
		t.Fatalf("%q\nread as\n%swant\n%s", text, got, want)
	}
}

// FuzzOracle looks for a text that Parse accepts and reads differently from the full implementation.
func FuzzOracle(f *testing.F) {
	for _, c := range accepted {
		f.Add(c.text)
	}
	for _, c := range refused {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !beyondOracle(text) {
			compare(t, text)
		}
	})
}

// beyondOracle reports whether the text may hold what YAML 1.2 allows and the oracle, which reads YAML 1.1, does not: keys of
// more than 1024 bytes, U+0085 and the like as ordinary characters, JSON's \/ and surrogate pairs, tabs in lines without text, question marks in flow words.
func beyondOracle(text string) bool {
	for line := range strings.Lines(text) {
		blanks := line[:len(line)-len(strings.TrimLeft(line, " \t\r"))]
		rest := strings.TrimSpace(line)
		if strings.Contains(blanks, "\t") && (rest == "" || rest[0] == '#') {
			return true
		}
	}
	if strings.Contains(text, "?") && strings.ContainsAny(text, "[{") {
		return true
	}
	return len(text) > 1000 || strings.ContainsAny(text, "\u0085\u2028\u2029\ufeff") ||
		strings.Contains(text, `\/`) || strings.Contains(strings.ToLower(text), `\ud`)
}

// oracleTree renders what the full implementation makes of the text.
func oracleTree(text []byte, places bool) (string, error) {
	dec := oracle.NewDecoder(bytes.NewReader(text))
	var doc, second oracle.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return renderScalar("", false, 0, "-"), nil
	} else if err != nil {
		return "", err
	}
	if err := dec.Decode(&second); !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("a second document: %v", err)
	}
	var b strings.Builder
	renderOracle(&b, doc.Content[0], places, 0)
	return b.String(), nil
}

func renderOracle(b *strings.Builder, n *oracle.Node, places bool, depth int) {
	if n.Kind == oracle.AliasNode {
		n = n.Alias
	}
	if b.Len() > renderLimit {
		return
	}
	place := at(n.Line, n.Column, places)
	switch n.Kind {
	case oracle.SequenceNode:
		fmt.Fprintf(b, "%*s%s list\n", depth, "", place)
	case oracle.MappingNode:
		fmt.Fprintf(b, "%*s%s mapping\n", depth, "", place)
	default:
		quoted := n.Style&(oracle.DoubleQuotedStyle|oracle.SingleQuotedStyle) != 0
		b.WriteString(renderScalar(n.Value, quoted, depth, place))
	}
	for _, c := range n.Content {
		renderOracle(b, c, places, depth+1)
	}
}

// renderScalar leaves the place of a null out: there is no text that would have one.
func renderScalar(value string, quoted bool, depth int, place string) string {
	if value == "" && !quoted {
		place = "-"
	}
	return fmt.Sprintf("%*s%s %q quoted=%v\n", depth, "", place, value, quoted)
}

func at(line, col int, places bool) string {
	if !places {
		return "-"
	}
	return fmt.Sprintf("%d:%d", line, col)
}

const renderLimit = 1 << 16 // aliases unfold without bound

func renderOurs(b *strings.Builder, n *Node, places bool, depth int) {
	if b.Len() > renderLimit {
		return
	}
	place := at(n.Line, n.Col, places)
	switch n.Kind {
	case Sequence:
		fmt.Fprintf(b, "%*s%s list\n", depth, "", place)
	case Mapping:
		fmt.Fprintf(b, "%*s%s mapping\n", depth, "", place)
	default:
		b.WriteString(renderScalar(n.Value, n.Quoted, depth, place))
	}
	for _, c := range n.Items {
		renderOurs(b, c, places, depth+1)
	}
	for _, pair := range n.Pairs {
		renderOurs(b, pair.Key, places, depth+1)
		renderOurs(b, pair.Value, places, depth+1)
	}
}
