<?php
// Sessions of Symfony's and Laravel's caches; ends with status 0 if all checks hold.
//
// usage: php frameworks_session.php <memcached's port on 127.0.0.1> <port of Redis' dialect>

use Illuminate\Cache\MemcachedStore;
use Illuminate\Cache\RedisStore;
use Illuminate\Cache\Repository;
use Illuminate\Redis\RedisManager;
use Symfony\Component\Cache\Adapter\MemcachedAdapter;
use Symfony\Component\Cache\Adapter\RedisAdapter;
use Symfony\Component\Cache\Adapter\TagAwareAdapter;

// The packages are older than this PHP, and use what it calls deprecated.
error_reporting(E_ALL & ~E_DEPRECATED);
require '/usr/share/php/Symfony/Component/Cache/autoload.php';
require '/usr/share/php/Illuminate/Redis/autoload.php';
require '/usr/share/php/Illuminate/Cache/autoload.php';

[$memcachedPort, $redisPort] = [(int) $argv[1], (int) $argv[2]];

function check(string $what, bool $isRight): void
{
    if (!$isRight) {
        throw new Exception($what);
    }
}

function symfony(string $name, $pool): void
{
    $pool->clear();
    $names = ['a', 'b'];
    foreach ($names as $key) {
        $item = $pool->getItem($key)->set(['key' => $key])->expiresAfter(60);
        if ($pool instanceof TagAwareAdapter) {
            $item->tag('both')->tag("tag-$key");
        }
        check("$name: saveDeferred", $pool->saveDeferred($item));
    }
    check("$name: commit", $pool->commit());
    foreach ($pool->getItems($names) as $key => $item) {
        check("$name: getItems", $item->isHit() && $item->get() === ['key' => $key]);
    }
    check("$name: get", $pool->get('c', fn () => 'computed') === 'computed');
    check("$name: the same", $pool->get('c', fn () => 'again') === 'computed');
    if ($pool instanceof TagAwareAdapter) {
        $pool->invalidateTags(['tag-a']);
        check("$name: a tag", !$pool->hasItem('a') && $pool->hasItem('b'));
    }
    check("$name: deleteItems", $pool->deleteItems(['b', 'none']) && !$pool->hasItem('b'));
    check("$name: clear", $pool->clear() && !$pool->hasItem('c'));
}

function laravel(string $name, Repository $cache): void
{
    $cache->flush();
    $cache->put('k', 'text', 60);
    check("$name: get", $cache->get('k') === 'text' && $cache->get('none') === null);
    $cache->putMany(['a' => [1, 2], 'b' => 'x'], 60);
    $expected = ['a' => [1, 2], 'b' => 'x', 'none' => null];
    check("$name: many", $cache->many(['a', 'b', 'none']) === $expected);
    check("$name: add", $cache->add('n', 5, 60) && !$cache->add('n', 6, 60));
    check("$name: increment", $cache->increment('n', 3) == 8 && $cache->decrement('n') == 7);
    $remember = fn ($value) => $cache->remember('r', 60, fn () => $value);
    check("$name: remember", $remember('one') === 'one' && $remember('two') === 'one');
    $lock = $cache->getStore()->lock('lock', 10);
    check("$name: lock", $lock->get() && !$cache->getStore()->lock('lock', 10)->get());
    check("$name: release", $lock->release() && $cache->getStore()->lock('lock', 10)->get());
    check("$name: forget", $cache->forget('k') && !$cache->has('k') && $cache->pull('b') === 'x');
    if ($cache->getStore() instanceof MemcachedStore) {
        $cache->tags(['t'])->put('tagged', 1, 60);
        check("$name: tagged", $cache->tags(['t'])->get('tagged') == 1);
        $cache->tags(['t'])->flush();
        check("$name: flushed tag", $cache->tags(['t'])->get('tagged') === null);
    }
    $cache->flush();
    check("$name: flush", $cache->get('a') === null);
}

$redis = "redis://127.0.0.1:$redisPort/2";
symfony('RedisAdapter', new RedisAdapter(RedisAdapter::createConnection($redis)));
$pool = new RedisAdapter(RedisAdapter::createConnection($redis));
symfony('TagAwareAdapter', new TagAwareAdapter($pool));
$connection = MemcachedAdapter::createConnection("memcached://127.0.0.1:$memcachedPort");
symfony('MemcachedAdapter', new MemcachedAdapter($connection));

foreach (['phpredis', 'predis'] as $client) {
    $server = ['host' => '127.0.0.1', 'port' => $redisPort, 'database' => 1];
    $manager = new RedisManager(null, $client, ['default' => $server]);
    laravel("RedisStore, $client", new Repository(new RedisStore($manager, 'app:')));
}
$connection = new Memcached();
$connection->addServer('127.0.0.1', $memcachedPort);
laravel('MemcachedStore', new Repository(new MemcachedStore($connection, 'app:')));
echo "all\n";
