// A session of hiredis; ends with status 0 if all checks hold.
//
// usage: hiredis_session <port on 127.0.0.1, or path of a Unix socket>

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

// Commands that are written before the first reply is read: a SET and a GET for each key.
enum { COMMANDS = 10000, VALUE_BYTES = 2000 };

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static redisContext *client;

// The reply to a command. The one before it is freed.
static redisReply *ask(const char *format, ...) {
    static redisReply *reply;
    if (reply != NULL) freeReplyObject(reply);
    va_list arguments;
    va_start(arguments, format);
    reply = redisvCommand(client, format, arguments);
    va_end(arguments);
    CHECK(reply != NULL);
    return reply;
}

static int is_status(const redisReply *reply, const char *text) {
    return reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, text) == 0;
}

static int is_string(const redisReply *reply, const char *bytes, size_t length) {
    return reply->type == REDIS_REPLY_STRING && reply->len == length &&
           memcmp(reply->str, bytes, length) == 0;
}

static int is_integer(const redisReply *reply, long long value) {
    return reply->type == REDIS_REPLY_INTEGER && reply->integer == value;
}

static void one_by_one(void) {
    CHECK(is_status(ask("SELECT 5"), "OK"));
    CHECK(is_status(ask("FLUSHDB"), "OK"));
    CHECK(ask("GET none")->type == REDIS_REPLY_NIL);
    const char bytes[] = "a\0b\r\n$";
    const size_t length = sizeof bytes;
    CHECK(is_status(ask("SET %b %b PX %d", bytes, length, bytes, length, 100000), "OK"));
    CHECK(is_string(ask("GET %b", bytes, length), bytes, length));
    CHECK(is_status(ask("SET empty %b", "", (size_t)0), "OK"));
    CHECK(is_string(ask("GET empty"), "", 0));
    CHECK(is_integer(ask("INCRBY counter %lld", 1LL << 40), 1LL << 40));
    CHECK(is_integer(ask("TTL counter"), -1));
    const redisReply *reply = ask("INCR empty");
    CHECK(reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "ERR ", 4) == 0);
    reply = ask("MGET counter none empty");
    CHECK(reply->type == REDIS_REPLY_ARRAY && reply->elements == 3);
    CHECK(is_string(reply->element[0], "1099511627776", 13));
    CHECK(reply->element[1]->type == REDIS_REPLY_NIL && is_string(reply->element[2], "", 0));
    reply = ask("NOSUCHCOMMAND");
    CHECK(reply->type == REDIS_REPLY_ERROR && strstr(reply->str, "unknown command") != NULL);
    CHECK(is_status(ask("PING"), "PONG"));
}

static void transactions_and_scripts(void) {
    CHECK(is_status(ask("MULTI"), "OK"));
    CHECK(is_status(ask("SET t 1"), "QUEUED"));
    CHECK(is_status(ask("INCR t"), "QUEUED"));
    CHECK(is_status(ask("MGET t none"), "QUEUED"));
    const redisReply *reply = ask("EXEC");
    CHECK(reply->type == REDIS_REPLY_ARRAY && reply->elements == 3);
    CHECK(is_status(reply->element[0], "OK") && is_integer(reply->element[1], 2));
    reply = reply->element[2];
    CHECK(reply->type == REDIS_REPLY_ARRAY && is_string(reply->element[0], "2", 1));
    reply = ask("EVAL %s 1 t %s", "return {redis.call('get', KEYS[1]), ARGV[1], 7}", "x");
    CHECK(reply->elements == 3 && is_string(reply->element[0], "2", 1));
    CHECK(is_string(reply->element[1], "x", 1) && is_integer(reply->element[2], 7));
}

// 10 MB of commands, and as many of replies, which nobody reads while the commands are written.
static void long_pipeline(void) {
    static char value[VALUE_BYTES];
    for (int number = 0; number < COMMANDS / 2; number++) {
        memset(value, 'a' + number % 26, sizeof value);
        CHECK(redisAppendCommand(client, "SET k%d %b", number, value, sizeof value) == REDIS_OK);
        CHECK(redisAppendCommand(client, "GET k%d", number) == REDIS_OK);
    }
    for (int done = 0; !done;) CHECK(redisBufferWrite(client, &done) == REDIS_OK);
    for (int number = 0; number < COMMANDS / 2; number++) {
        redisReply *reply;
        CHECK(redisGetReply(client, (void **)&reply) == REDIS_OK && is_status(reply, "OK"));
        freeReplyObject(reply);
        memset(value, 'a' + number % 26, sizeof value);
        CHECK(redisGetReply(client, (void **)&reply) == REDIS_OK);
        CHECK(is_string(reply, value, sizeof value));
        freeReplyObject(reply);
    }
    CHECK(is_status(ask("FLUSHDB"), "OK"));
}

int main(int count, char **words) {
    CHECK(count == 2);
    int port = atoi(words[1]);
    client = port > 0 ? redisConnect("127.0.0.1", port) : redisConnectUnix(words[1]);
    CHECK(client != NULL && client->err == 0);
    CHECK(redisSetTimeout(client, (struct timeval){.tv_sec = 30}) == REDIS_OK);
    one_by_one();
    transactions_and_scripts();
    long_pipeline();
    redisFree(client);
    return 0;
}
