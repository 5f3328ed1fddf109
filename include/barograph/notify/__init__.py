"""Telling people: who is told what of which alarm, on which channel, once.

    alarms ─► news ─► notices ─► composing ─► outbox ─► delivery ─► mail, chats, webhooks
              (who)   (SQL)      (digests)    (SQL)     (a thread for each channel)

contacts    who there is, from each site's contacts.yaml
quiet       when somebody wants to be left alone
news        what a change of an alarm is to somebody who was told this or that before
reminding   repeats and escalations while nobody acknowledges
composing   what is pending for one channel becomes one message
service     the process: follows the alarms, composes, delivers; deadman watches `ingest` and the collector
channels/   the only code that talks to somebody outside

Everything but service, deadman and channels is pure: times and facts are handed in.
"""
