"""The rules of a shared pool of hours, as pure functions over plain values.

Nothing here reads a clock, a file or a database, and nothing imports a library. A *decision* takes the states it needs and
says which facts follow (a list of stream and event) or refuses; ``evolve`` folds a fact into a state and never refuses.

Glossary (German term – name in code – meaning)

- Stundenpool – ``Pool`` – a budget of minutes for a period, with its rules
- Modellzeitraum – ``Period`` – first and last day, both inclusive, in Europe/Berlin
- Stundenkontingent – ``budget`` – the minutes that the committee put into the pool
- Träger – ``provider`` – the independent organisation that accompanies
- Angebot – ``offer`` – a provider's facility or project
- Fachkraft – ``worker`` – who accompanies for a provider, under a pseudonym
- Verzeichnis – ``registry`` – who the providers, their offers and workers are, and from when until when
- Stadtraum – ``district`` – planning area of the city
- Leistungsbereich – ``service_area`` – the section of SGB VIII: 11, 12, 13, 13a, 14 or 16
- Einzelbegleitung, Fall – ``Case`` – one accompanied person or family, under a pseudonymous reference
- Anlass – ``concern``; Verbleib – ``outcome``
- Stundenantrag und was daraus wurde – ``Booking`` – a request for hours of one case, its approval and its sessions
- Termin, Leistungsnachweis – ``Session`` – minutes actually rendered
- Feststellung – ``Finding`` – something an auditor should look at, raised by a rule over the log, or by a person
- deren Bearbeitung – ``Handling`` – opened, explained by the provider, confirmed or closed
- Stichprobe – sample – sessions drawn at random to be checked
- Storno – reversal; Korrektur – correction; Rückgabe – release; Warteliste – ``WaitingList``

Modules, in the order in which they build on each other: ``quantities``, ``refusals``, ``waiting_list``, ``pool``, ``case``,
``booking``, ``closing`` (decisions over many bookings at once); beside them ``findings`` (rules over what was recorded),
``handling`` (what becomes of a finding), ``sampling`` and ``registry``.
"""
