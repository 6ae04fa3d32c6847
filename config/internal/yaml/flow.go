package yaml

// Flow context is JSON's: [a, b], {a: b}. Indentation means nothing here, and a colon right after a quoted key is enough.

// flowNode reads a value at the cursor, which stands on neither white space nor a comment.
func (p *parser) flowNode() (*Node, error) {
	switch p.peek(0) {
	case '[':
		return p.flowSequence()
	case '{':
		return p.flowMapping()
	case '*':
		return p.alias()
	case '&':
		return p.anchored(p.flowAfterAnchor)
	}
	n, err := p.scalar(true)
	if err != nil || n.Quoted {
		return n, err
	}
	return n, p.continueFlowPlain(n)
}

func (p *parser) flowAfterAnchor() (*Node, error) {
	if err := p.skipFlow(); err != nil {
		return nil, err
	}
	if c := p.peek(0); c == ',' || c == ']' || c == '}' {
		return p.node(Scalar)
	}
	return p.flowNode()
}

// skipFlow steps over everything that separates and expects the document to go on.
func (p *parser) skipFlow() error {
	p.skip()
	if p.atEnd() {
		return p.errorf("the text ends inside [ ] or { }; a closing bracket is missing")
	}
	return nil
}

// flowEntries reads the entries up to the closing bracket; each is read by entry, with the cursor on its first character.
func (p *parser) flowEntries(closing byte, entry func() error) error {
	defer func() { p.depth-- }()
	if err := p.enter(); err != nil {
		return err
	}
	p.pos++ // the opening bracket
	for {
		if err := p.skipFlow(); err != nil {
			return err
		}
		if p.peek(0) == closing {
			p.pos++
			return nil
		}
		if err := entry(); err != nil {
			return err
		}
		if err := p.flowSeparator(closing); err != nil {
			return err
		}
	}
}

// flowSeparator expects a comma, which it steps over, or the closing bracket, which it leaves.
func (p *parser) flowSeparator(closing byte) error {
	if err := p.skipFlow(); err != nil {
		return err
	}
	switch p.peek(0) {
	case ',':
		p.pos++
		return nil
	case closing:
		return nil
	case ':':
		return p.errorf("a key and a value cannot stand here; write {key: value}, or quote the text if the colon is part of it")
	}
	return p.errorf("expected ',' or '%c', found %q; quote the value if this is part of it", closing, p.peek(0))
}

func (p *parser) flowSequence() (*Node, error) {
	seq, err := p.node(Sequence)
	if err != nil {
		return nil, err
	}
	return seq, p.flowEntries(']', func() error {
		item, err := p.flowNode()
		seq.Items = append(seq.Items, item)
		return err
	})
}

func (p *parser) flowMapping() (*Node, error) {
	m, err := p.node(Mapping)
	if err != nil {
		return nil, err
	}
	return m, p.flowEntries('}', func() error {
		pair, err := p.flowPair()
		m.Pairs = append(m.Pairs, pair)
		return err
	})
}

// flowPair reads "key: value", "key:" or "key" alone, whose value is null.
func (p *parser) flowPair() (Pair, error) {
	line := p.line
	if err := p.checkKey(); err != nil {
		return Pair{}, err
	}
	key, err := p.flowNode()
	if err != nil {
		return Pair{}, err
	}
	p.skipBlanks()
	if p.peek(0) != ':' {
		null, err := p.node(Scalar)
		return Pair{key, null}, err
	}
	if p.line != line {
		return Pair{}, p.errorf("a key must fit on one line")
	}
	if p.pos++; !key.Quoted && isFlow(p.peek(0)) { // YAML 1.1 and 1.2 differ here
		return Pair{}, p.errorf("a space is missing after the colon")
	}
	value, err := p.flowValue()
	return Pair{key, value}, err
}

// flowValue reads what follows the colon of a pair.
func (p *parser) flowValue() (*Node, error) {
	line, col := p.line, p.col()
	if err := p.skipFlow(); err != nil {
		return nil, err
	}
	if c := p.peek(0); c == ',' || c == '}' {
		return p.nodeAt(Scalar, line, col)
	}
	return p.flowNode()
}

// alias reads *name, which is the very node that &name stands before.
func (p *parser) alias() (*Node, error) {
	start := p.here()
	name, err := p.anchorName()
	if err != nil {
		return nil, err
	}
	n := p.anchors[name]
	if n == nil {
		p.back(start)
		return nil, p.errorf("the alias *%s has no complete anchor &%s before it", name, name)
	}
	return n, nil
}

// anchored reads &name and, by value, the node it names. The name is known only once the node is complete, so that
// no node can contain itself.
func (p *parser) anchored(value func() (*Node, error)) (*Node, error) {
	sigil := p.here()
	name, err := p.anchorName()
	if err != nil {
		return nil, err
	}
	after := p.here()
	p.skip()
	if c := p.peek(0); c == '&' || c == '*' {
		return nil, p.errorf("an anchor must stand before a value of its own")
	}
	p.back(after)
	n, err := value()
	if err == nil && p.anchors[name] != nil {
		p.back(sigil)
		err = p.errorf("the anchor &%s is there twice", name)
	}
	p.anchors[name] = n
	return n, err
}

func (p *parser) anchorName() (string, error) {
	sigil := p.peek(0)
	p.pos++
	from := p.pos
	for isWord(p.peek(0)) {
		p.pos++
	}
	if c := p.peek(0); p.pos == from || !isBlankZ(c) && c != ',' && c != ']' && c != '}' {
		return "", p.errorf("a name of letters, digits, '-' and '_' must follow %q; quote the text if it is a value", sigil)
	}
	return string(p.text[from:p.pos]), nil
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}
