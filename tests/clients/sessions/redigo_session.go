// A session of redigo; ends with status 0 if all checks hold.
//
// usage: redigo_session <port on 127.0.0.1, or path of a Unix socket>
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
)

const (
	// Commands that are written before the first reply is read.
	pipelineCommands = 10000
	goroutines       = 16
	incrementsOfEach = 200
)

func check(isRight bool, what string, values ...interface{}) {
	if !isRight {
		panic(fmt.Sprint(append([]interface{}{what, ": "}, values...)...))
	}
}

func newPool(address string) *redis.Pool {
	network := "unix"
	if _, err := strconv.Atoi(address); err == nil {
		network, address = "tcp", "127.0.0.1:"+address
	}
	timeout := redis.DialReadTimeout(30 * time.Second)
	return &redis.Pool{
		MaxIdle: goroutines,
		Dial: func() (redis.Conn, error) {
			return redis.Dial(network, address, redis.DialDatabase(6), timeout)
		},
		TestOnBorrow: func(connection redis.Conn, _ time.Time) error {
			_, err := connection.Do("PING")
			return err
		},
	}
}

func values(connection redis.Conn) {
	reply, err := redis.String(connection.Do("SET", "k", "v", "EX", 100, "NX"))
	check(reply == "OK" && err == nil, "SET", reply, err)
	_, err = redis.String(connection.Do("SET", "k", "w", "NX"))
	check(err == redis.ErrNil, "SET NX", err)
	_, err = redis.String(connection.Do("GET", "none"))
	check(err == redis.ErrNil, "GET", err)
	left, err := redis.Int(connection.Do("TTL", "k"))
	check(left > 90 && left <= 100 && err == nil, "TTL", left, err)
	bytes := []byte("a\x00\r\n\xff")
	_, err = connection.Do("MSET", "bytes", bytes, "number", 1.5)
	check(err == nil, "MSET", err)
	found, err := redis.ByteSlices(connection.Do("MGET", "bytes", "none", "number"))
	check(err == nil && string(found[0]) == string(bytes) && found[1] == nil, "MGET", found, err)
	number, err := redis.Float64(connection.Do("INCRBYFLOAT", "number", "0.25"))
	check(err == nil && number == 1.75, "INCRBYFLOAT", number, err)
	_, err = connection.Do("NOSUCHCOMMAND", "x")
	_, isError := err.(redis.Error)
	check(isError, "NOSUCHCOMMAND", err)
	script := redis.NewScript(1, "return redis.call('GET', KEYS[1]) .. ARGV[1]")
	text, err := redis.String(script.Do(connection, "k", "!"))
	check(err == nil && text == "v!", "EVALSHA", text, err)
}

func pipeline(connection redis.Conn) {
	for number := 0; number < pipelineCommands; number++ {
		err := connection.Send("SET", "p"+strconv.Itoa(number), number, "PX", 100000)
		check(err == nil, "Send", err)
	}
	check(connection.Flush() == nil, "Flush")
	for number := 0; number < pipelineCommands; number++ {
		reply, err := redis.String(connection.Receive())
		check(reply == "OK" && err == nil, "Receive", reply, err)
	}
	cursor, seen := "0", map[string]bool{}
	for {
		parts, err := redis.Values(connection.Do("SCAN", cursor, "MATCH", "p*", "COUNT", 500))
		check(err == nil && len(parts) == 2, "SCAN", err)
		cursor, _ = redis.String(parts[0], nil)
		keys, _ := redis.Strings(parts[1], nil)
		for _, key := range keys {
			seen[key] = true
		}
		if cursor == "0" {
			break
		}
	}
	check(len(seen) == pipelineCommands, "keys of SCAN", len(seen))
}

// A transaction that begins again until no other goroutine has changed the key.
func increment(connection redis.Conn) {
	for {
		_, err := connection.Do("WATCH", "counter")
		check(err == nil, "WATCH", err)
		value, err := redis.Int(connection.Do("GET", "counter"))
		check(err == nil || err == redis.ErrNil, "GET", err)
		check(connection.Send("MULTI") == nil, "MULTI")
		check(connection.Send("SET", "counter", value+1) == nil, "SET")
		reply, err := connection.Do("EXEC")
		check(err == nil, "EXEC", err)
		if reply != nil {
			return
		}
	}
}

func main() {
	pool := newPool(os.Args[1])
	connection := pool.Get()
	_, err := connection.Do("FLUSHDB")
	check(err == nil, "FLUSHDB", err)
	values(connection)
	pipeline(connection)
	var group sync.WaitGroup
	for number := 0; number < goroutines; number++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for round := 0; round < incrementsOfEach; round++ {
				own := pool.Get()
				increment(own)
				check(own.Close() == nil, "Close")
			}
		}()
	}
	group.Wait()
	sum, err := redis.Int(connection.Do("GET", "counter"))
	check(err == nil && sum == goroutines*incrementsOfEach, "counter", sum, err)
	_, err = connection.Do("FLUSHDB")
	check(err == nil && connection.Close() == nil && pool.Close() == nil, "the end", err)
}
