package syntax

// A Span is a piece of the text, in bytes: from Start up to End.
type Span struct{ Start, End int }

// Range returns the span itself; nodes inherit it.
func (s Span) Range() Span { return s }

// A Query is a whole text: one statement, to be answered or, where Plan is set,
// to be planned only.
type Query struct {
	Span
	Plan bool
	Stmt Stmt
}

// A Stmt is a *Find, *Explain, *List, *Count or *Describe.
type Stmt interface {
	Range() Span
	write(*printer)
}

// Find asks for pictures: those near something, all, or those that fulfil a condition.
type Find struct {
	Span
	Near  *Near // nil unless the query begins with near
	All   bool
	Where Expr // nil where there is no condition
	Tails []Tail
}

// Near is what pictures shall be close to.
type Near struct {
	Span
	What  *Operand
	Steer []Steer
	Space Space
}

// A Space is where nearness is measured.
type Space string

// The spaces.
const (
	SpaceDefault Space = ""
	SpaceLatent  Space = "latent"
	SpaceDense   Space = "dense"
)

// OperandKind is the keyword that an operand begins with.
type OperandKind string

// The kinds of operands.
const (
	OperandImage    OperandKind = "image"
	OperandFile     OperandKind = "file"
	OperandURL      OperandKind = "url"
	OperandText     OperandKind = "text"
	OperandVector   OperandKind = "vector"
	OperandMean     OperandKind = "mean"
	OperandConcepts OperandKind = "concepts"
)

// An Operand is something that has a vector or a code.
type Operand struct {
	Span
	Kind     OperandKind
	Arg      Name       // of image, file, url, text and vector
	Mean     []*Operand // of mean
	Concepts []Weighted // of concepts
	Edits    []Edit     // of its code, in order
}

// An Edit changes the activation of one thing in a code: exactly one of Concept and Latent.
type Edit struct {
	Span
	Concept *Name
	Latent  *Name
	Scale   bool    // it becomes X times what it was; otherwise X
	X       float64 // not negative where it is a scale
}

// Weighted is a concept with a weight, 1 where Weight is nil.
type Weighted struct {
	Name   Name
	Weight *float64
}

// A Steer adds something to what pictures shall be near to, or takes it away.
// What is added is exactly one of Concept, Latent and Operand.
type Steer struct {
	Span
	Minus   bool
	Scale   *float64 // nil: 1
	Concept *Name
	Latent  *Name
	Operand *Operand
}

// An Expr is a condition: *Or, *And, *Not, *Act or *Meta.
type Expr interface {
	Range() Span
	writeExpr(p *printer, level int)
}

// Or holds if one of its two or more terms does.
type Or struct {
	Span
	Terms []Expr
}

// And holds if all of its two or more terms do.
type And struct {
	Span
	Terms []Expr
}

// Not holds if its operand does not.
type Not struct {
	Span
	X Expr
}

// Act is a condition on the activation of concepts or latents.
type Act struct {
	Span
	Latent    bool // of latents, by number; otherwise of concepts
	Op        Op   // Eq, Ne, In, NotIn or Glob
	Names     []Name
	Threshold *Threshold // nil: active at all
	Weight    *float64   // nil: 1
}

// A Threshold compares an activation with a number, or with so many per cent of
// the largest activation.
type Threshold struct {
	Span
	Op      Op // Eq, Ne, Lt, Le, Gt or Ge
	X       float64
	Percent bool
}

// Meta is a condition on a metadata field.
type Meta struct {
	Span
	Field  Field
	Op     Op
	Values []Value // none for Exists and True, two for Between
}

// An Op is a test.
type Op string

// The tests.
const (
	Eq      Op = "="
	Ne      Op = "!="
	Lt      Op = "<"
	Le      Op = "<="
	Gt      Op = ">"
	Ge      Op = ">="
	In      Op = "in"
	NotIn   Op = "not in"
	Between Op = "between"
	Glob    Op = "~"
	Exists  Op = "exists"
	True    Op = "" // a field on its own
)

// A Field is the name of a metadata field.
type Field struct {
	Span
	Name string
}

// A Name is a word, number, string or parameter that names a thing. How it was
// written makes no difference, but for the parameter.
type Name struct {
	Span
	Text  string
	Param bool // Text is the name of a parameter
}

// ValueKind is what a value is before its field is known.
type ValueKind uint8

// The kinds of values.
const (
	ValueString ValueKind = iota
	ValueNumber           // Text as written, perhaps with a minus
	ValueDate             // Text as written
	ValueBool             // Text is true or false
	ValueParam            // Text is the parameter's name
)

// A Value is what a field is compared with.
type Value struct {
	Span
	Kind ValueKind
	Text string
}

// TailKind is the keyword that a tail begins with.
type TailKind string

// The kinds of tails, and which fields of Tail they fill.
const (
	TailTop      TailKind = "top"          // N
	TailOffset   TailKind = "offset"       // N
	TailAfter    TailKind = "after"        // Arg
	TailMinScore TailKind = "min score"    // X
	TailOrder    TailKind = "order by"     // Arg, Desc
	TailGroup    TailKind = "group by"     // Arg, and N where it has a top of its own
	TailScore    TailKind = "score"        // Arg: sum, min or max
	TailDistinct TailKind = "distinct"     // X, or nil
	TailSelf     TailKind = "include self" //
	TailSigned   TailKind = "signed"       //
	TailExact    TailKind = "exact"        //
	TailEffort   TailKind = "effort"       // N
	TailWith     TailKind = "with"         // Parts
)

// A Tail is one of the phrases that follow a statement. No kind occurs twice.
type Tail struct {
	Span
	Kind  TailKind
	N     int
	X     *float64
	Arg   Name
	Desc  bool
	Parts []string // why, codes, meta, vector
}

// Explain asks which latents make up a picture, or what two have in common.
type Explain struct {
	Span
	What    *Operand
	Against *Operand // nil unless two are compared
	Tails   []Tail
}

// Listing is the keyword that a List begins with.
type Listing string

// The listings.
const (
	ListConcepts Listing = "concepts"
	ListLatents  Listing = "latents"
	ListClusters Listing = "clusters"
	ListFields   Listing = "fields"
	ListImages   Listing = "images"
)

// List asks for everything of one sort.
type List struct {
	Span
	What     Listing
	Like     *Name // a pattern, or a text where LikeText is set; may be nil
	LikeText bool
	Where    Expr
	Tails    []Tail
}

// Count asks how many pictures fulfil a condition.
type Count struct {
	Span
	Where Expr
	By    *Field // nil: in all
	Tails []Tail
}

// Describe asks for everything about one concept, latent or image.
type Describe struct {
	Span
	What string // concept, latent or image
	Name Name
}
