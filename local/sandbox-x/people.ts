/** People and posts: who is there, who follows, who relayed. */
import { type Asked, limited, paged, pick } from './sandbox.ts'
import type { SandboxUser } from './state.ts'

function shown({ id, username, name, followers = 0, receivesDm = true }: SandboxUser, asked: Asked) {
  const all = {
    id,
    username,
    name,
    public_metrics: { followers_count: followers, following_count: 0, tweet_count: 0, listed_count: 0 },
    receives_your_dm: receivesDm,
    connection_status: ['followed_by'],
  }
  return pick(all, ['id', 'name', 'username'], asked.query.get('user.fields'))
}

function missing(parameter: string, value: string) {
  return {
    value,
    detail: `Could not find user with ${parameter}: [${value}].`,
    title: 'Not Found Error',
    resource_type: 'user',
    parameter,
    resource_id: value,
    type: 'https://api.twitter.com/2/problems/resource-not-found',
  }
}

/** `GET /2/users/me` */
export const me = limited('me', (x, asked, user) => ({ data: shown(x.users.get(user)!, asked) }))

/** `GET /2/users?ids=…`, at most 100 */
export const byIds = limited('users', (x, asked) => {
  const ids = (asked.query.get('ids') ?? '').split(',').filter(Boolean).slice(0, 100)
  const found = ids.flatMap((id) => x.users.get(id) ?? [])
  const errors = ids.filter((id) => !x.users.has(id)).map((id) => missing('ids', id))
  return {
    ...(found.length > 0 && { data: found.map((user) => shown(user, asked)) }),
    ...(errors.length > 0 && { errors }),
  }
})

/** `GET /2/users/by/username/:username` */
export const byUsername = limited('users', (x, asked) => {
  const wanted = asked.params[0]!.toLowerCase()
  const found = [...x.users.values()].find((user) => user.username.toLowerCase() === wanted)
  return found ? { data: shown(found, asked) } : { errors: [missing('username', asked.params[0]!)] }
})

/** `GET /2/users/:id/followers`: in the sandbox everybody follows everybody. */
export const followers = limited('followers', (x, asked) => {
  const others = [...x.users.values()].filter((user) => user.id !== asked.params[0])
  return paged(others, asked, 1000, (user) => shown(user, asked))
})

/** `GET /2/tweets/:id/retweeted_by` */
export const retweetedBy = limited('retweetedBy', (x, asked) => {
  const ids = x.posts.get(asked.params[0]!)?.retweetedBy ?? []
  const people = ids.flatMap((id) => x.users.get(id) ?? [])
  return paged(people, asked, 100, (user) => shown(user, asked))
})

/** `GET /2/tweets/:id/quote_tweets` */
export const quoteTweets = limited('quoteTweets', (x, asked) => {
  const quotes = x.posts.get(asked.params[0]!)?.quotes ?? []
  return paged(quotes, asked, 100, ({ id, text, authorId }) =>
    pick({ id, text, author_id: authorId }, ['id', 'text'], asked.query.get('tweet.fields')),
  )
})
