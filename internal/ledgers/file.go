package ledgers

// fileScheme: the forms of other tools.
var fileScheme = scheme{layouts: map[string]layout{
	"spark-checkpoint": {}, "spark": {}, "kafka-csv": {}, "rpk": {}, "kcl": {}, "connect": {},
}}
