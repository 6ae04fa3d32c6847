package yaml

import "strings"

// scalar reads a quoted scalar whole, or of a plain one the part on this line.
func (p *parser) scalar(flow bool) (*Node, error) {
	n, err := p.node(Scalar)
	if err != nil {
		return nil, err
	}
	switch p.peek(0) {
	case '"':
		n.Quoted = true
		n.Value, err = p.doubleQuoted()
	case '\'':
		n.Quoted = true
		n.Value, err = p.singleQuoted()
	default:
		if err = p.plainStart(flow); err == nil {
			n.Value = string(p.plainLine(flow))
		}
	}
	return n, err
}

// plainStart refuses what a plain scalar may not begin with (YAML 1.2 section 7.3.3).
func (p *parser) plainStart(flow bool) error {
	c, next := p.peek(0), p.peek(1)
	safe := !isBlankZ(next) && !(flow && isFlow(next))
	switch {
	case (c == ':' || c == '?') && flow: // YAML 1.1 and 1.2 differ here
		return p.errorf("a value in brackets cannot begin with %q; quote it", c)
	case (c == '-' || c == '?' || c == ':') && safe:
		return nil
	case c == '?':
		return p.errorf("\"? key\" is not read here; write key: value")
	case c == ':':
		return p.errorf("a key is missing before this colon")
	case c == '|' || c == '>':
		return p.errorf("block scalars (| and >) are not read here; write the text in double quotes")
	case c == '!':
		return p.errorf("tags (!) are not read here; quote the text if it begins with '!'")
	case strings.IndexByte("-,[]{}#&*%@`", c) >= 0:
		return p.errorf("a plain value cannot begin with %q; quote it", c)
	}
	return nil
}

// plainLine reads a plain scalar to its end or the end of the line, without white space behind it.
func (p *parser) plainLine(flow bool) []byte {
	from, end := p.pos, p.pos
	for !p.plainEnds(flow) {
		if p.pos++; !isBlank(p.text[p.pos-1]) {
			end = p.pos
		}
	}
	p.pos = end
	return p.text[from:end]
}

func (p *parser) plainEnds(flow bool) bool {
	switch c := p.peek(0); c {
	case '\n', 0:
		return true
	case ':':
		return isBlankZ(p.peek(1)) || flow && isFlow(p.peek(1))
	case '#':
		return p.atComment()
	default:
		return flow && isFlow(c)
	}
}

// continuePlain appends to n the lines that go on deeper than parent.
func (p *parser) continuePlain(n *Node, parent int) error {
	return p.continueLines(n, false, func() bool { return p.indent() <= parent || p.atComment() })
}

// continueFlowPlain is continuePlain between brackets, where no line is too shallow.
func (p *parser) continueFlowPlain(n *Node) error {
	return p.continueLines(n, true, func() bool { return p.plainEnds(true) })
}

func (p *parser) continueLines(n *Node, flow bool, ends func() bool) error {
	var more []byte
	for {
		end := p.here()
		breaks := p.blankLines()
		if breaks == 0 || p.atEnd() || ends() {
			p.back(end)
			n.Value += string(more)
			return nil
		}
		if !flow {
			if err := p.checkIndent(); err != nil {
				return err
			}
		}
		more = append(fold(more, breaks), p.plainLine(flow)...)
		if err := p.checkContinued(flow); err != nil {
			return err
		}
	}
}

// checkContinued refuses a key on a line that goes on with the value above it, the usual sign of a line indented too deep.
func (p *parser) checkContinued(flow bool) error {
	at := p.here()
	p.skipBlanks()
	if !flow && p.atColon() {
		return p.errorf("this line goes on with the value above it, so it can have no key; indent it like the line it belongs to")
	}
	p.back(at)
	return nil
}

// blankLines steps over white space and line ends, and counts the latter.
func (p *parser) blankLines() (breaks int) {
	for {
		p.skipBlanks()
		if p.peek(0) != '\n' {
			return breaks
		}
		p.newline()
		breaks++
	}
}

// fold appends what line breaks inside a scalar stand for: one is a space, n are n-1 line feeds (YAML 1.2 section 6.5).
func fold(b []byte, breaks int) []byte {
	if breaks == 1 {
		return append(b, ' ')
	}
	for range breaks - 1 {
		b = append(b, '\n')
	}
	return b
}
