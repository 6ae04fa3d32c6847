package x86

// Shapes: what follows an opcode. The two tables below are written with these
// letters, one line per high digit of the opcode, as the SDM's appendix A.
const (
	shapeNone       = '.'
	shapeModRM      = 'm'
	shapeModRMReg   = 'r' // ModRM whose mod is ignored
	shapeModRMImm8  = 'M'
	shapeModRMImmZ  = 'Z'
	shapeModRMImm32 = 'X' // XOP map 10
	shapeImm8       = 'b'
	shapeImm16      = 'w'
	shapeEnter      = 'e' // imm16 and imm8
	shapeImmZ       = 'z' // 2 or 4 bytes
	shapeImmV       = 'v' // 2, 4 or 8 bytes
	shapeMoffs      = 'o' // an address
	shapeRel8       = 'j'
	shapeRel32      = 'J'
	shapeGroup3     = 't'
	shapeExtrq      = 'q'
	shapePrefix     = 'p' // prefix or escape, handled before; never looked up
	shapeInvalid    = '-'
)

const oneByteShapes = "" +
	// 0 1 2 3 4 5 6 7   8 9 a b c d e f
	"mmmmbz--" + "mmmmbz-p" + // 00
	"mmmmbz--" + "mmmmbz--" + // 10
	"mmmmbzp-" + "mmmmbzp-" + // 20
	"mmmmbzp-" + "mmmmbzp-" + // 30
	"pppppppp" + "pppppppp" + // 40 REX
	"........" + "........" + // 50
	"--pmpppp" + "zZbM...." + // 60
	"jjjjjjjj" + "jjjjjjjj" + // 70
	"MZ-Mmmmm" + "mmmmmmmm" + // 80
	"........" + "..-....." + // 90
	"oooo...." + "bz......" + // a0
	"bbbbbbbb" + "vvvvvvvv" + // b0
	"MMw.ppMZ" + "e.w..b-." + // c0
	"mmmm-p-." + "mmmmmmmm" + // d0
	"jjjjbbbb" + "JJ-j...." + // e0
	"p.pp..tt" + "......mm" //   f0

const twoByteShapes = "" +
	// 0 1 2 3 4 5 6 7   8 9 a b c d e f
	"mmmm-..." + "..-.-m.M" + // 00
	"mmmmmmmm" + "mmmmmmmm" + // 10
	"rrrr----" + "mmmmmmmm" + // 20
	"......-." + "p-p-----" + // 30
	"mmmmmmmm" + "mmmmmmmm" + // 40
	"mmmmmmmm" + "mmmmmmmm" + // 50
	"mmmmmmmm" + "mmmmmmmm" + // 60
	"MMMMmmm." + "qm--mmmm" + // 70
	"JJJJJJJJ" + "JJJJJJJJ" + // 80
	"mmmmmmmm" + "mmmmmmmm" + // 90
	"...mMmmm" + "...mMmmm" + // a0
	"mmmmmmmm" + "mmMmmmmm" + // b0
	"mmMmMMMm" + "........" + // c0
	"mmmmmmmm" + "mmmmmmmm" + // d0
	"mmmmmmmm" + "mmmmmmmm" + // e0
	"mmmmmmmm" + "mmmmmmmm" //   f0
