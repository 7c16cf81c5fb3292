import './tokens.css'
import './base.css'
import { mount } from 'svelte'
import App from './App.svelte'
import { access } from './lib/access.svelte'
import { alarms } from './lib/alarms.svelte'
import { badges } from './lib/badges.svelte'
import { gateway } from './lib/gateway.svelte'
import { link } from './lib/link.svelte'
import { session } from './lib/session.svelte'
import { tags } from './lib/tags.svelte'
import { theme } from './lib/theme.svelte'
import { views } from './lib/views.svelte'

const target = document.getElementById('app')
if (target === null) throw new Error('index.html has no element with the id "app"')

// The stores listen before the link starts, so that they miss nothing of the first connection.
for (const store of [theme, session, tags, alarms, badges, access, gateway, link, views]) store.start()
mount(App, { target })
