package elfsym

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// USDTArg is where an argument of a marker is when its nop is reached. The compiler
// wrote it as an operand of its assembler, with the size in front:
//
//	-4@%eax               a register, or the part of one that has the size
//	8@-8(%rbp)            memory
//	8@16(%rax,%rbx,8)
//	4@counter+4(%rip)     a variable
//	1@$5                  a constant
//
// A negative size means that the value has a sign.
type USDTArg struct {
	Text   string // as it stands in the note
	Kind   USDTArgKind
	Size   int // bytes: 1, 2, 4 or 8
	Signed bool
	Value  int64  // of a constant; in memory: what is added to the registers
	Base   string // the register, in memory the first: "rax"; "rip" is Addr itself; "": none
	High   bool   // the register's second byte is meant: %ah
	Index  string // in memory, the second register
	Shift  uint8  // of the second register: the log2 of the scale
	Err    error  // the argument cannot be read; those beside it can

	symbol string // whose address belongs to Value
}

// USDTArgKind is the kind of place of an argument.
type USDTArgKind uint8

// Kinds of places.
const (
	USDTConst USDTArgKind = iota + 1
	USDTReg
	USDTMem
)

// registers are the general registers by their names of 8, 4, 2 and 1 bytes, and
// the second byte of four of them.
var registers = [...]string{
	"rax eax ax al ah", "rbx ebx bx bl bh", "rcx ecx cx cl ch", "rdx edx dx dl dh",
	"rsi esi si sil", "rdi edi di dil", "rbp ebp bp bpl", "rsp esp sp spl",
	"r8 r8d r8w r8b", "r9 r9d r9w r9b", "r10 r10d r10w r10b", "r11 r11d r11w r11b",
	"r12 r12d r12w r12b", "r13 r13d r13w r13b", "r14 r14d r14w r14b", "r15 r15d r15w r15b",
	"rip",
}

// parseUSDTArgs reads the last string of a note: arguments with blanks between
// them. Those within parentheses are none.
func parseUSDTArgs(text string) []USDTArg {
	var out []USDTArg
	for text = strings.TrimLeft(text, " \t"); text != ""; text = strings.TrimLeft(text, " \t") {
		end := strings.IndexAny(text, " \t")
		if open := strings.IndexByte(text, '('); open >= 0 && open < end {
			end = open + strings.IndexByte(text[open:], ')') + 1
		}
		if end <= 0 {
			end = len(text)
		}
		out = append(out, parseUSDTArg(text[:end]))
		text = text[end:]
	}
	return out
}

func parseUSDTArg(word string) USDTArg {
	a := USDTArg{Text: word}
	a.Err = a.parse(word)
	if a.Err != nil {
		a = USDTArg{Text: word, Err: fmt.Errorf("%s: %w", word, a.Err)}
	}
	return a
}

func (a *USDTArg) parse(word string) error {
	operand := word
	if size, rest, found := strings.Cut(word, "@"); found && isSize(size) {
		if err := a.size(size); err != nil {
			return err
		}
		operand = rest
	}
	switch {
	case operand == "":
		return errors.New("no operand")
	case operand[0] == '$':
		a.Kind = USDTConst
		a.sized(8)
		return a.displacement(operand[1:])
	case operand[0] == '%' && !strings.Contains(operand, ":"):
		a.Kind = USDTReg
		return a.register(operand)
	}
	a.Kind = USDTMem
	return a.memory(operand)
}

// isSize tells a size from a symbol with a version or a relocation behind '@'.
func isSize(s string) bool { return s != "" && strings.Trim(s, "-0123456789f") == "" }

func (a *USDTArg) size(s string) error {
	if strings.HasSuffix(s, "f") {
		return errors.New("a floating-point number; programs have integers only")
	}
	n, err := strconv.Atoi(s)
	if a.Signed = n < 0; a.Signed {
		n = -n
	}
	if a.Size = n; err != nil || n != 1 && n != 2 && n != 4 && n != 8 {
		return fmt.Errorf("a size of %s bytes; 1, 2, 4 and 8 can be read", s)
	}
	return nil
}

// sized sets the size that was left out.
func (a *USDTArg) sized(n int) {
	if a.Size == 0 {
		a.Size = n
	}
}

// register reads "%eax". Its size is taken where none stands in front.
func (a *USDTArg) register(s string) error {
	name, size, high, ok := lookupRegister(s)
	if !ok {
		return fmt.Errorf("%s is no general register, and no other is kept for programs", s)
	}
	a.sized(size)
	if a.Base, a.High = name, high; high && a.Size != 1 {
		return fmt.Errorf("%s has one byte, not %d", s, a.Size)
	}
	return nil
}

func lookupRegister(s string) (name string, size int, high, ok bool) {
	s, ok = strings.CutPrefix(s, "%")
	for _, r := range registers {
		for i, alias := range strings.Fields(r) {
			if ok && alias == s {
				return strings.Fields(r)[0], max(8>>i, 1), i == 4, true
			}
		}
	}
	return "", 0, false, false
}

// memory reads "DISPLACEMENT(%base,%index,scale)", of which each part may be
// missing. A displacement without registers is an address.
func (a *USDTArg) memory(s string) error {
	a.sized(8)
	disp, inner, found := strings.Cut(s, "(")
	if err := a.displacement(disp); err != nil {
		return err
	}
	if !found {
		if a.symbol == "" {
			return errors.New("an address without a register or a name")
		}
		return nil
	}
	inner, closed := strings.CutSuffix(inner, ")")
	parts := strings.Split(inner, ",")
	if !closed || len(parts) > 3 {
		return errors.New("no operand that is known")
	}
	err := a.registersOf(parts)
	if err == nil && a.Base == "" && a.symbol == "" {
		err = errors.New("an address without a base")
	}
	return err
}

func (a *USDTArg) registersOf(parts []string) (err error) {
	if a.Base, err = addressRegister(parts[0]); err != nil || len(parts) == 1 {
		return err
	}
	if a.Index, err = addressRegister(parts[1]); err != nil || len(parts) == 2 {
		return err
	}
	switch scale := strings.TrimSpace(parts[2]); scale {
	case "1", "":
	case "2":
		a.Shift = 1
	case "4":
		a.Shift = 2
	case "8":
		a.Shift = 3
	default:
		return fmt.Errorf("a scale of %s", scale)
	}
	return nil
}

// addressRegister reads a register of an address; none is "".
func addressRegister(s string) (string, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return "", nil
	}
	name, size, _, ok := lookupRegister(s)
	if !ok || size != 8 {
		return "", fmt.Errorf("%s is no register of an address", s)
	}
	return name, nil
}

// displacement reads a sum of numbers and at most one name: -8, 40+stats, x.0-4.
func (a *USDTArg) displacement(s string) error {
	if strings.Contains(s, ":") {
		return fmt.Errorf("%s belongs to the thread", s)
	}
	for s != "" {
		sign := int64(1)
		for ; s != "" && (s[0] == '-' || s[0] == '+'); s = s[1:] {
			if s[0] == '-' {
				sign = -sign
			}
		}
		end := strings.IndexAny(s, "+-")
		if end < 0 {
			end = len(s)
		}
		if err := a.term(sign, s[:end]); err != nil {
			return err
		}
		s = s[end:]
	}
	return nil
}

func (a *USDTArg) term(sign int64, s string) error {
	if s != "" && s[0] >= '0' && s[0] <= '9' {
		n, err := strconv.ParseUint(s, 0, 64)
		a.Value += sign * int64(n)
		return err
	}
	switch {
	case s == "" || strings.ContainsAny(s, "%$()*, "):
		return errors.New("no operand that is known")
	case strings.Contains(s, "@"):
		return fmt.Errorf("%s is found by a relocation", s)
	case a.symbol != "" || sign < 0:
		return errors.New("a difference of two places")
	}
	a.symbol = s
	return nil
}

// locate puts the variable's address into the argument. Memory is then relative to
// the nop, which holds wherever the file is loaded; a number is not.
func (a *USDTArg) locate(s *usdtSymbol, at uint64, pie bool) {
	switch {
	case !s.found:
		a.fail("%s is not in the symbol tables", a.symbol)
	case s.ambiguous:
		a.fail("several variables are called %s", a.symbol)
	case a.Kind == USDTMem && (a.Base == "" || a.Base == "rip"):
		a.Base = "rip"
		a.Value += int64(s.value - at)
	case pie:
		a.fail("the address of %s is not known before it is loaded", a.symbol)
	default:
		a.Value += int64(s.value)
	}
}

func (a *USDTArg) fail(format string, args ...any) {
	*a = USDTArg{Text: a.Text, Err: fmt.Errorf("%s: "+format, append([]any{a.Text}, args...)...)}
}
