# A session of Rails' cache stores; ends with status 0 if all checks hold.
#
# usage: ruby rails_session.rb <memcached's port on 127.0.0.1> <port of Redis' dialect>

require 'active_support'
require 'active_support/cache'
require 'active_support/core_ext'

memcached_port, redis_port = ARGV

def check(what, is_right)
  raise what unless is_right
end

def play(store)
  store.clear
  check('write', store.write('k', { a: 1 }, expires_in: 60))
  check('read', store.read('k') == { a: 1 } && store.read('none').nil?)
  store.write_multi({ 'a' => 1, 'b' => 'x' * 10_000 }, expires_in: 60)
  check('read_multi', store.read_multi('a', 'b', 'none') == { 'a' => 1, 'b' => 'x' * 10_000 })
  check('fetch', store.fetch('f') { 3 } == 3 && store.fetch('f') { 4 } == 3)
  check('unless_exist', store.write('u', 1, unless_exist: true))
  check('exists', !store.write('u', 2, unless_exist: true) && store.read('u') == 1)
  check('delete', store.exist?('f') && store.delete('f') && !store.exist?('f'))
  store.write('n', 5, raw: true, expires_in: 60)
  check('increment', store.increment('n', 2) == 7 && store.decrement('n') == 6)
  store.clear
  check('clear', store.read('a').nil? && store.read('k').nil?)
end

memcached = ActiveSupport::Cache.lookup_store(:mem_cache_store, "127.0.0.1:#{memcached_port}")
play(memcached)
url = "redis://127.0.0.1:#{redis_port}/3"
redis = ActiveSupport::Cache.lookup_store(:redis_cache_store, url: url)
play(redis)
500.times { |number| redis.write("page/#{number}", number) }
redis.write('other', 1)
redis.delete_matched('page/*')
check('delete_matched', redis.read_multi('page/1', 'page/499', 'other') == { 'other' => 1 })
check('the version', redis.redis.info['redis_version'].match?(/\A\d+\.\d+\.\d+\z/))
puts 'all'
