package attach

import (
	"fmt"
	"hash/fnv"

	"github.com/bpftime-go/bpftime/config"
	"github.com/bpftime-go/bpftime/gadgets"
	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/plan"
	"github.com/bpftime-go/bpftime/vm/object"
)

// loaded is an object of the manifest on its way into the plan.
type loaded struct {
	*object.Object
	c        *compiler
	spec     *object.Spec
	name     string // in the session
	conf     *config.Object
	planned  []uint32 // by index of a map: its index in the plan + 1; 0: no program has asked for it
	several  bool     // programs, so that links name theirs
	compiled map[purpose]compiled
	kin      []*loaded // the objects with which it shares arrays of programs, and itself
	programs []config.Program
}

// A purpose is a program and what it is given: what is good for one context may not be
// for another.
type purpose struct {
	program string
	context object.Context
}

type compiled struct {
	code *code
	err  error
}

// objects turns those of the manifest into bindings.
func (c *compiler) objects() error {
	var all []*loaded
	for i, name := range c.Manifest.ObjectNames() {
		l, err := c.load(name, &c.Manifest.Objects[i])
		if err != nil {
			return err
		}
		all = append(all, l)
	}
	sharePrograms(all)
	for _, l := range all {
		l.keepTypes()
		if err := l.attach(l.programs); err != nil {
			return err
		}
	}
	return nil
}

// load reads and links an object, or a gadget, with where its programs go.
func (c *compiler) load(name string, conf *config.Object) (*loaded, error) {
	spec, setup, err := source(conf)
	if err != nil {
		return nil, c.located(conf.Pos, err)
	}
	l := &loaded{c: c, spec: spec, name: name, conf: conf, programs: setup.Programs, several: len(spec.Programs) > 1, compiled: map[purpose]compiled{}}
	l.Object, err = object.Link(spec, object.Options{Constants: c.constants(setup.Rodata), Maps: c.mapOptions(setup.Maps), Helper: offered})
	if err != nil {
		return nil, err
	}
	l.planned, l.kin = make([]uint32, len(l.Maps)), []*loaded{l}
	return l, nil
}

// source is what an entry of objects: names, and what it says about it.
func source(conf *config.Object) (spec *object.Spec, setup gadgets.Setup, err error) {
	if conf.Gadget == "" {
		spec, err = object.LoadFile(conf.Path)
		return spec, gadgets.Setup{Programs: conf.Attach, Maps: conf.Maps, Rodata: conf.Rodata}, err
	}
	g, err := gadgets.Find(conf.Gadget)
	if err != nil {
		return nil, setup, err
	}
	if setup, err = g.Expand(conf.Args); err != nil {
		return nil, setup, err
	}
	setup.Maps, setup.Rodata = append(setup.Maps, conf.Maps...), append(setup.Rodata, conf.Rodata...)
	spec, err = object.Load(g.Name+".bpf.o", g.Object)
	return spec, setup, err
}

func (c *compiler) located(pos config.Pos, err error) error {
	return &config.Error{File: c.Manifest.Name, Pos: pos, Msg: err.Error()}
}

func (c *compiler) where(pos config.Pos) string {
	return fmt.Sprintf("%s:%d:%d", c.Manifest.Name, pos.Line, pos.Col)
}

// constants are the manifest's, with the places they were written at.
func (c *compiler) constants(in []config.Constant) (out []object.Constant) {
	for _, k := range in {
		out = append(out, object.Constant{Name: k.Name, Value: c.constantValue(k.Value), Where: c.where(k.Pos)})
	}
	return out
}

func (c *compiler) constantValue(v any) any {
	switch v := v.(type) {
	case []config.Constant:
		return c.constants(v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = c.constantValue(v[i])
		}
		return list
	}
	return v
}

func (c *compiler) mapOptions(in []config.Map) (out []object.MapOption) {
	for _, m := range in {
		out = append(out, object.MapOption{Name: m.Name, MaxEntries: m.MaxEntries, Where: c.where(m.Pos)})
	}
	return out
}

// attach compiles the programs of an object and binds them where the manifest
// says, or else their sections. A program that cannot be compiled is told, and
// the others go on.
func (l *loaded) attach(programs []config.Program) error {
	if len(programs) == 0 {
		programs = l.sections()
	}
	if len(programs) == 0 {
		return l.c.located(l.conf.Pos, fmt.Errorf("%s has no program that says where it attaches; name them under attach", l.spec.Name))
	}
	for i := range programs {
		p := &programs[i]
		for _, at := range p.At {
			code, err := l.compile(p.Program, contextOf(at.Spec))
			if err == nil && code.tails {
				err = l.joinTargets(code)
			}
			l.c.bindCode(l.linkOwner(p.Program), code, at, err)
		}
	}
	return nil
}

// sections are the programs whose section says where they go.
func (l *loaded) sections() (out []config.Program) {
	for _, p := range l.spec.Programs {
		if p.SEC.Optional {
			continue
		}
		text, err := p.SEC.AttachSpec()
		at := config.Attachment{Pos: l.conf.Pos}
		if err == nil {
			at.Spec, err = config.ParseSpec(text)
		}
		if err != nil {
			l.c.nowhere(fmt.Sprintf("%s: %s is not attached: %v", l.spec.Name, p.Name, err), p.SEC.Kind != "" && p.SEC.Target == "")
			continue
		}
		out = append(out, config.Program{Program: p.Name, At: []config.Attachment{at}})
	}
	return out
}

// nowhere tells of a program that is not attached. That is as meant where its
// section names a kind only, for who attaches it himself.
func (c *compiler) nowhere(line string, meant bool) {
	if c.Late {
		return
	}
	level := uint32(abi.LEVEL_WARN)
	if c.plan.Abort && !meant {
		level = abi.LEVEL_ERROR
		c.lost++
	}
	c.Log(level, line)
}

// linkOwner is what the links of a program are listed under.
func (l *loaded) linkOwner(program string) string {
	if l.several {
		return l.name + "." + program
	}
	return l.name
}

// bindCode makes the link of one program at one place; compiled is why there is
// no code.
func (c *compiler) bindCode(owner string, code *code, at config.Attachment, compiled error) {
	b := binding{link: uint32(len(c.plan.Links)), spec: at.Spec, cookie: at.Cookie, cookies: namedCookies(at.Cookies)}
	c.partial = append(c.partial, false)
	c.plan.Links = append(c.plan.Links, plan.Link{Name: linkName(owner, at.Spec.String()), Kind: linkKind(at.Spec)})
	err := compiled
	if err == nil {
		err = code.fits(at.Spec)
	}
	switch {
	case err == nil:
		b.code = code
		c.partial[b.link] = at.Spec.Multi()
		c.bindings = append(c.bindings, b)
	case !c.Late:
		c.fail(b, err)
	}
}

// contextOf is what programs are given there.
func contextOf(s config.Spec) object.Context { return object.ContextOf(s.Kind.String(), s.OnReturn()) }

// fits tells whether what the program calls means something there: only at the entry
// of a function there is a body to skip.
func (k *code) fits(s config.Spec) error {
	entry := !s.OnReturn() && s.Offset == 0 && s.Kind != config.USDT && !onCallKind(s.Kind)
	switch {
	case k.overrides != "" && !entry:
		return fmt.Errorf("only at a function's entry can a program return for it: bpf_override_return (%s)", k.overrides)
	case k.wantsArgs != "" && onCallKind(s.Kind):
		return fmt.Errorf("the arguments of a system call are in the context of its program: bpf_get_func_arg, _ret and _arg_cnt are about functions (%s)", k.wantsArgs)
	case k.asks != "" && s.Kind != config.UprobeSession:
		return fmt.Errorf("only uprobe.session programs have a session: bpf_session_is_return or _cookie (%s)", k.asks)
	}
	return nil
}

func linkKind(s config.Spec) uint32 {
	if s.OnReturn() {
		return abi.LINK_RETURN
	}
	return abi.LINK_ENTRY
}

// linkName is by what processes find the link's slot in the session. One that is
// too long for the slot keeps its beginning and is told apart by a hash.
func linkName(object, arg string) string {
	const most = abi.LINK_NAME_SIZE - 1
	name := object + " " + arg
	if len(name) <= most {
		return name
	}
	h := fnv.New64a()
	h.Write([]byte(name))
	sum := fmt.Sprintf("~%016x", h.Sum64())
	return name[:most-len(sum)] + sum
}
