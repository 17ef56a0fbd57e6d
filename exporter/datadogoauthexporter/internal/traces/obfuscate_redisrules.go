package traces

import "strings"

// redisRule says which arguments of a command are values.
type redisRule struct {
	kind redisRuleKind
	// first is the first value, counted from 0, and every the distance to the next one, 0 for no other.
	first, every int

	since int // of BITFIELD: where the last SET stands; of ZADD: where its scores begin
	done  bool
}

type redisRuleKind uint8

const (
	redisKnown    redisRuleKind = iota // first and every say it all
	redisNothing                       // no argument is a value
	redisAll                           // from first on there is nothing but values
	redisConfig                        // the value of CONFIG SET parameter value
	redisBitfield                      // the value of the first SET type offset value
	redisZAdd                          // members: every other one after the options
)

// hiding is what becomes of an argument.
type hiding uint8

const (
	keepArgument hiding = iota
	hideArgument
	hideRest // this one and all that follow are one "?"
)

// hides decides about the n-th argument. Arguments come in their order.
func (r *redisRule) hides(n int, argument string) hiding {
	hide := false
	switch r.kind {
	case redisKnown:
		hide = n == r.first || r.every > 0 && n > r.first && (n-r.first)%r.every == 0
	case redisAll:
		if n >= r.first {
			return hideRest
		}
	case redisConfig:
		if n == 0 {
			r.done = !strings.EqualFold(argument, "SET")
		}
		hide = n == 2 && !r.done
	case redisBitfield:
		if strings.EqualFold(argument, "SET") {
			r.since = n
		}
		if hide = !r.done && r.since > 0 && n-r.since == 3; hide {
			r.done = true
		}
	case redisZAdd:
		if r.since == 0 && n > 0 {
			switch argument {
			case "NX", "XX", "CH", "INCR":
			default:
				r.since = n
			}
		}
		hide = r.since > 0 && (n-r.since)%2 == 1
	}
	if hide {
		return hideArgument
	}
	return keepArgument
}

// maxRedisCommand is the longest name of a command that is known.
const maxRedisCommand = len("GEORADIUSBYMEMBER")

// redisRuleOf is the rule of a command, in any case of letters.
func redisRuleOf(command string) redisRule {
	if len(command) > maxRedisCommand {
		return redisRule{kind: redisAll}
	}
	var upper [maxRedisCommand]byte
	for i := range len(command) {
		c := command[i]
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		upper[i] = c
	}
	switch string(upper[:len(command)]) {
	case "AUTH", "MIGRATE", "HELLO":
		return redisRule{kind: redisAll}
	case "ACL", "GEOHASH", "GEOPOS", "GEODIST", "LPUSH", "RPUSH", "SREM", "ZREM", "SADD":
		return redisRule{kind: redisAll, first: 1}
	case "APPEND", "GETSET", "LPUSHX", "GEORADIUSBYMEMBER", "RPUSHX", "SET", "SETNX", "SISMEMBER", "ZRANK", "ZREVRANK", "ZSCORE":
		return redisRule{first: 1}
	case "HSETNX", "LREM", "LSET", "SETBIT", "SETEX", "PSETEX", "SETRANGE", "ZINCRBY", "SMOVE", "RESTORE":
		return redisRule{first: 2}
	case "LINSERT":
		return redisRule{first: 3}
	case "GEOADD":
		return redisRule{first: 3, every: 3}
	case "HSET", "HMSET":
		return redisRule{first: 2, every: 2}
	case "MSET", "MSETNX":
		return redisRule{first: 1, every: 2}
	case "CONFIG":
		return redisRule{kind: redisConfig}
	case "BITFIELD":
		return redisRule{kind: redisBitfield}
	case "ZADD":
		return redisRule{kind: redisZAdd}
	}
	if isValuelessRedis(string(upper[:len(command)])) {
		return redisRule{kind: redisNothing}
	}
	return redisRule{kind: redisAll}
}

// isValuelessRedis reports whether the arguments of a command are keys, fields, patterns, ranges and options only.
func isValuelessRedis(command string) bool {
	switch command {
	case "GET", "GETDEL", "GETEX", "GETRANGE", "GETBIT", "MGET", "STRLEN", "INCR", "INCRBY", "INCRBYFLOAT", "DECR", "DECRBY", "BITCOUNT", "BITPOS",
		"DEL", "UNLINK", "EXISTS", "EXPIRE", "EXPIREAT", "PEXPIRE", "PEXPIREAT", "EXPIRETIME", "PERSIST", "TTL", "PTTL", "TYPE", "TOUCH", "RENAME",
		"RENAMENX", "KEYS", "SCAN", "RANDOMKEY", "DUMP", "COPY",
		"HGET", "HMGET", "HGETALL", "HKEYS", "HVALS", "HLEN", "HDEL", "HEXISTS", "HSTRLEN", "HSCAN", "HINCRBY", "HINCRBYFLOAT",
		"LLEN", "LPOP", "RPOP", "LINDEX", "LRANGE", "LTRIM", "BLPOP", "BRPOP", "RPOPLPUSH", "BRPOPLPUSH", "LMOVE", "BLMOVE",
		"SCARD", "SMEMBERS", "SPOP", "SRANDMEMBER", "SSCAN", "SINTER", "SINTERSTORE", "SUNION", "SUNIONSTORE", "SDIFF", "SDIFFSTORE",
		"ZCARD", "ZCOUNT", "ZRANGE", "ZRANGEBYSCORE", "ZREVRANGE", "ZREVRANGEBYSCORE", "ZREMRANGEBYRANK", "ZREMRANGEBYSCORE", "ZPOPMIN", "ZPOPMAX",
		"ZSCAN", "ZUNIONSTORE", "ZINTERSTORE", "PFCOUNT", "PFMERGE", "XLEN", "XRANGE", "XREVRANGE", "XREAD", "XREADGROUP", "XACK", "XDEL", "XTRIM",
		"SUBSCRIBE", "UNSUBSCRIBE", "PSUBSCRIBE", "PUNSUBSCRIBE", "PING", "SWAPDB", "DBSIZE", "FLUSHDB", "FLUSHALL", "INFO", "TIME", "QUIT",
		"MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH", "CLUSTER", "COMMAND", "WAIT", "ROLE", "READONLY", "READWRITE", "ASKING":
		return true
	}
	return false
}
