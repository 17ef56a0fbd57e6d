package traces

// What the black-box tests reach inside for.
var (
	CleanURL            = cleanURL
	CutUserInfo         = cutUserInfo
	SamplingProbability = samplingProbability
)

// TagValue, ServiceName, OperationName and RedisCommands are the methods of the text arena, with an arena of their own.
func TagValue(s string) string      { return new(arena).tagValue(s) }
func ServiceName(s string) string   { return new(arena).service(s) }
func OperationName(s string) string { return new(arena).operationName(s) }
func RedisCommands(s string) string { return new(arena).redisCommands(s) }
