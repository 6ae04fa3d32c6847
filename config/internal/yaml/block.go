package yaml

// blockNode reads the value that follows an indicator ("-", ":", "---") or begins the text.
//
//   - parent is the indentation of the collection the value belongs to, -1 at the root. On a new line the value must stand
//     deeper, or it is null; only a list in a mapping (inMap) may stand under its key's first letter.
//   - fresh: a block collection may begin on this very line, as after "- " but not after "key: ".
func (p *parser) blockNode(parent int, fresh, inMap bool) (*Node, error) {
	defer func() { p.depth-- }()
	if err := p.enter(); err != nil {
		return nil, err
	}
	line, col := p.line, p.col()
	crossed, err := p.skipBlock()
	if err != nil {
		return nil, err
	}
	if !p.belongs(crossed, parent, inMap) {
		return p.nodeAt(Scalar, line, col)
	}
	if p.peek(0) == '&' {
		return p.anchored(func() (*Node, error) {
			return p.blockNode(parent, false, inMap)
		})
	}
	return p.blockContent(parent, fresh || crossed)
}

// belongs reports whether the text at the cursor is the value of a collection indented by parent.
func (p *parser) belongs(crossed bool, parent int, inMap bool) bool {
	if p.atEnd() {
		return false
	}
	if !crossed || p.indent() > parent {
		return true
	}
	return inMap && p.indent() == parent && p.atDash()
}

// atTab reports whether the white space here has a tab in it: then nobody can say how deep the text behind it is.
func (p *parser) atTab() bool {
	i := 0
	for p.peek(i) == ' ' {
		i++
	}
	return p.peek(i) == '\t'
}

func (p *parser) atDash() bool { return p.peek(0) == '-' && isBlankZ(p.peek(1)) }

// atColon reports whether a key ends here. After a quoted key in a flow mapping any colon does; that is flow.go's case.
func (p *parser) atColon() bool { return p.peek(0) == ':' && isBlankZ(p.peek(1)) }

func (p *parser) blockContent(parent int, fresh bool) (*Node, error) {
	switch c := p.peek(0); {
	case p.atDash() && !fresh:
		return nil, p.errorf("a list cannot begin on this line; put its first \"-\" on a line of its own")
	case p.atDash():
		return p.blockSequence()
	case c == '[' || c == '{' || c == '*':
		return p.flowInBlock()
	}
	indent, line := p.indent(), p.line
	scalar, err := p.scalar(false)
	if err != nil {
		return nil, err
	}
	if blanks := p.here(); p.line == line {
		p.skipBlanks()
		if p.atColon() {
			return p.mappingFrom(scalar, indent, fresh)
		}
		p.back(blanks)
	}
	if !scalar.Quoted {
		if err := p.continuePlain(scalar, parent); err != nil {
			return nil, err
		}
	}
	return scalar, p.restOfLine()
}

// flowInBlock reads a flow collection or an alias as a value of a block collection.
func (p *parser) flowInBlock() (*Node, error) {
	n, err := p.flowNode()
	if err != nil {
		return nil, err
	}
	p.skipBlanks()
	if p.atColon() {
		return nil, p.errorf("only a plain or quoted word can be a key")
	}
	return n, p.restOfLine()
}

// restOfLine expects nothing but a comment after a value.
func (p *parser) restOfLine() error {
	p.skipBlanks()
	switch c := p.peek(0); {
	case c == '\n' || c == 0 || p.atComment():
		return nil
	case p.atColon():
		return p.errorf("a key must fit on one line")
	case c == ':':
		return p.errorf("a space is missing after this colon")
	}
	return p.errorf("unexpected %q after the value; quote the whole value if this is part of it", p.peek(0))
}

func (p *parser) blockSequence() (*Node, error) {
	seq, err := p.node(Sequence)
	if err != nil {
		return nil, err
	}
	for at := p.indent(); ; {
		if p.pos++; p.atTab() {
			return nil, p.errorf("a tab follows this dash; write a space")
		}
		item, err := p.blockNode(at, true, false)
		if err != nil {
			return nil, err
		}
		seq.Items = append(seq.Items, item)
		more, err := p.nextEntry(at)
		if err != nil || !more || !p.atDash() { // without a dash it may be the next key of the mapping around this list
			return seq, err
		}
	}
}

// mappingFrom reads a mapping whose first key, at the given indentation, was just read; the cursor is at its colon.
func (p *parser) mappingFrom(key *Node, indent int, fresh bool) (*Node, error) {
	if !fresh {
		return nil, p.errorf("\": \" cannot stand in this value; quote it if the colon is part of it, or put the mapping on lines of its own")
	}
	m := &Node{Kind: Mapping, Line: key.Line, Col: key.Col}
	for {
		p.pos++ // the colon
		value, err := p.blockNode(indent, false, true)
		if err != nil {
			return nil, err
		}
		m.Pairs = append(m.Pairs, Pair{key, value})
		more, err := p.nextEntry(indent)
		if err != nil || !more {
			return m, err
		}
		if key, err = p.blockKey(); err != nil {
			return nil, err
		}
	}
}

// nextEntry goes to the next line with text and reports whether it is an entry of the collection indented by indent.
func (p *parser) nextEntry(indent int) (bool, error) {
	if _, err := p.skipBlock(); err != nil {
		return false, err
	}
	if p.atEnd() || p.indent() < indent {
		return false, nil
	}
	if p.indent() > indent {
		return false, p.errorf("this line is indented by %d, its neighbours above by %d", p.indent(), indent)
	}
	return true, nil
}

// blockKey reads a key after the first of a block mapping, up to its colon.
func (p *parser) blockKey() (*Node, error) {
	if p.atDash() {
		return nil, p.errorf("a list item stands among the keys of a mapping; indent it below its key")
	}
	line := p.line
	if err := p.checkKey(); err != nil {
		return nil, err
	}
	key, err := p.scalar(false)
	if err != nil {
		return nil, err
	}
	p.skipBlanks()
	switch {
	case p.line != line:
		return nil, p.errorf("a key must fit on one line")
	case p.atColon():
		return key, nil
	case p.peek(0) == ':':
		return nil, p.errorf("a space is missing after this colon")
	}
	return nil, p.errorf("a colon and a value are missing after the key %q", key.Value)
}

// checkKey refuses keys that are collections, aliases or anchored.
func (p *parser) checkKey() error {
	switch p.peek(0) {
	case '[', '{', '*', '&':
		return p.errorf("only a plain or quoted word can be a key")
	}
	return nil
}
