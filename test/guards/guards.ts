/** Everything that keeps something from being lost, and how it looks when it is gone: a test of each file must then fail. */

export interface Guard {
  /** What it keeps, as a sentence. */
  readonly name: string;
  readonly file: string;
  /** Exact text of the source, there once. */
  readonly find: string;
  readonly replace: string;
  /** Each of them must notice. */
  readonly tests: readonly string[];
}

interface Change {
  readonly find: string;
  readonly replace: string;
}

const of =
  (file: string, ...tests: readonly string[]) =>
  (name: string, { find, replace }: Change, ...others: readonly string[]): Guard => ({
    name,
    file,
    find,
    replace,
    tests: others.length > 0 ? others : tests,
  });

const without = (find: string): Change => ({ find, replace: "" });
const instead = (find: string, replace: string): Change => ({ find, replace });

const installing = of("src/install/settings.ts", "test/install/uninstall.test.ts", "test/install/manifests.test.ts");
const sealingAnew = of("src/plan/reencryption.ts", "test/seal/reencryption.test.ts");
const planFiles = of("src/plan-files.ts", "test/plan-files.test.ts");
const sealedFor = of("src/seal/sealed-for.ts", "test/seal/sealed-for.test.ts");
const gate = of("src/seal/gate.ts", "test/seal/gate.test.ts");
const search = of("src/seal/search.ts", "test/seal/search.test.ts");
const told = of("src/report/outcome.ts", "test/report/told.test.ts");
const sops = of("src/seal/sops.ts", "test/seal/sops.test.ts");
const sealing = of("src/seal/seal-estate.ts", "test/seal/seal-estate.test.ts");
const sealedSecrets = of("src/seal/sealed-secrets.ts", "test/seal/sealed-secrets.test.ts");
const sealingCertificate = of("src/seal/sealing-certificate.ts", "test/seal/sealing-certificate.test.ts");
const clusterMode = of("src/plan/plan.ts", "test/seal/cluster-mode.test.ts");
const clusterSecrets = of("src/cluster-secrets.ts", "test/cluster-secrets.test.ts");
const referred = of("src/base/referred-secrets.ts", "test/seal/cluster-mode.test.ts");
const leftovers = of("src/plan/leftovers.ts", "test/plan/leftovers.test.ts");
const deletion = of("src/plan/deletion.ts", "test/plan/deletion.test.ts");
const observation = of("src/plan/observation.ts", "test/plan/deletion.test.ts", "test/plan/observation.test.ts");
const decision = of("src/plan/decision.ts", "test/plan/decision.test.ts");
const secondLook = of("src/plan/decision.ts", "test/plan/second-look.test.ts");
const approval = of("src/plan/approval.ts", "test/plan/approval.test.ts");
const settle = of("src/plan/settle.ts", "test/plan/plan.test.ts");
const waiting = of("src/plan/waiting.ts", "test/plan/plan.test.ts");
const standing = of("src/plan/standing.ts", "test/plan/standing.test.ts");
const suspension = of("src/plan/suspension.ts", "test/plan/standing.test.ts");
const renewing = of("src/connect/renew.ts", "test/maintain.test.ts");
const director = of("src/connect/director.ts", "test/maintain.test.ts");
const policies = of("src/connect/policies.ts", "test/connect/policies.test.ts");
const complete = of("src/connect/complete.ts", "test/maintain.test.ts");
const maintain = of("src/maintain.ts", "test/maintain.test.ts");
const certificateMemory = of("src/certificate-memory.ts", "test/maintain.test.ts");
const reconnecting = of("src/reconnect-identity.ts", "test/maintain.test.ts");
const renewingIdentity = of("src/renew-identity.ts", "test/maintain.test.ts");
const revoking = of("src/revoke-identity.ts", "test/maintain.test.ts");
const daemonCommand = of("src/cli/daemon.ts", "test/run-wiring.test.ts");
const resyncWish = of("src/resync-wish.ts", "test/run-wiring.test.ts");
const identityMoment = of("src/identity-moment.ts", "test/identity-moment.test.ts");
const connector = of("src/connect/connector.ts", "test/identity-moment.test.ts");
const pairing = of("src/connect/pair.ts", "test/connect/pair.test.ts");
const destination = of("src/plan/destination.ts", "test/plan/destination.test.ts");
const memory = of("src/plan/memory.ts", "test/plan/memory.test.ts");
const unseen = of("src/plan/unseen.ts", "test/plan/unseen.test.ts");
const plan = of("src/plan/plan.ts", "test/plan/plan.test.ts");
const ownership = of("src/base/ownership.ts", "test/base/ownership.test.ts");
const inventory = of("src/base/inventory.ts", "test/base/inventory.test.ts");
const open = of("src/base/open.ts", "test/base/open.test.ts");
const obstacles = of("src/base/obstacles.ts", "test/base/open.test.ts");
const foreign = of("src/base/obstacles.ts", "test/plan/plan.test.ts");
const drift = of("src/base/drift.ts", "test/base/drift.test.ts");
const committed = of("src/base/committed-application.ts", "test/base/committed-application.test.ts");
const estate = of("src/model/build-estate.ts", "test/model/build-estate.test.ts");
const application = of("src/model/application.ts", "test/model/build-estate.test.ts");
const vanished = of("src/model/vanished.ts", "test/model/vanished.test.ts");
const pages = of("src/fetch/pages.ts", "test/fetch/pages.test.ts");
const canary = of("src/seal/canary.ts", "test/seal/canary.test.ts");
const applied = of("src/report/applied.ts", "test/report/applied.test.ts");
const isolate = of("src/fetch/isolate.ts", "test/fetch/isolate.test.ts");

export const guards: readonly Guard[] = [
  // What Compass says is whole, or it is nothing.
  pages("an item that came twice is no proof", instead("items.has(item.id)", "false")),
  pages("the total is the same on every page", instead("page.totalCount !== first.totalCount", "false")),
  pages("no fewer items come than the total says", instead("items.size !== first.totalCount", "false")),
  pages(
    "no more items come than the total says",
    instead("items.size > first.totalCount", "items.size > first.totalCount + 1_000"),
  ),
  pages("the cursor advances", instead('endCursor === "" || cursors.has(endCursor)', "false")),
  pages("only the last page may be empty", instead("page.data.length === 0", "false")),
  isolate(
    "a query that is refused whatever it asks is a failure",
    instead("pages === 0 && unreadable === ENOUGH", "false"),
  ),
  isolate(
    "bad Applications at the beginning of the list stop no others",
    instead("isSuspicious && !(await isAnyReadable(options, page))", "isSuspicious"),
  ),
  isolate(
    "another failure, while one that can be read is looked for, is no answer to it",
    instead("if (isUnprocessable(thrown)) return false;\n      throw thrown;", "return false;"),
  ),
  isolate(
    "other failures are no Applications that cannot be read",
    without("if (!isUnprocessable(thrown)) throw thrown;"),
  ),
  isolate("only an Application asked for by itself is named unreadable", instead("if (first > 1) {", "if (false) {")),
  of(
    "src/fetch/director.ts",
    "test/fetch/director.test.ts",
    "test/fetch/told-apart.test.ts",
  )(
    "a refusal with code 23 never means that there are no Applications",
    instead(
      `if (answer.kind !== "data") throw refusal(operation, answer);`,
      `if (answer.kind === "errors" && answer.errors.some(({ code }) => code === 23)) {
          const none = { data: [], totalCount: 0, pageInfo: { hasNextPage: false, endCursor: "" } };
          return { runtime: { name: "", labels: {} }, applicationsForRuntime: none } as never;
        }
        if (answer.kind !== "data") throw refusal(operation, answer);`,
    ),
  ),
  of("src/fetch/fetch-snapshot.ts", "test/fetch/fetch-snapshot.test.ts")(
    "a runtime that Director does not know has no empty list",
    instead(
      "if (answer.runtime === null) throw unknownRuntime();",
      `if (answer.runtime === null) {
      described = { id: runtimeID, name: "", labels: {} } as never;
      return { data: [], totalCount: 0, pageInfo: { hasNextPage: false, endCursor: "" } };
    }`,
    ),
  ),

  // Whose name it is.
  estate("of several with one name none is taken for the right one", instead("(sharing.get(name) ?? 0) > 1", "false")),
  estate(
    "of several with one name only the one that Git has goes on",
    instead("owners.get(name) !== application.id", "!owners.has(name)"),
  ),
  estate("one that cannot be read shares its name, too", instead("of [...named, ...unreadable])", "of [...named])")),
  estate(
    "one that cannot be read is set aside, not missing",
    instead("unreadable.map((each): SetAside =>", "[].map((each): SetAside =>"),
  ),

  // What may go, and when.
  deletion("an empty answer deletes nothing", instead('listsNothing(estate) ? "EmptyAnswer" : null', "null")),
  deletion("nothing is deleted in upsert-only", instead('rules.mode === "upsert-only" ? "UpsertOnly" : null', "null")),
  deletion("a rebuilt inventory deletes nothing", instead('owned.trusted ? null : "InventoryRebuilt"', "null")),
  deletion(
    "an inventory that does not verify cannot be approved away",
    instead(
      '({ owned }) => (owned.trusted ? null : "InventoryRebuilt")',
      '({ owned, estate }) => (owned.trusted || estate.applications.length + estate.setAside.length === 0 ? null : "InventoryRebuilt")',
    ),
  ),
  deletion("who is set aside keeps its files", without(" || kept.has(id)")),
  deletion("who is left alone is not deleted", without("isLeftAlone(name) || ")),
  deletion("who is left alone is not deleted under its old name either", without(' || isLeftAlone(owner?.name ?? "")')),
  deletion(
    "a Secret of somebody else's is not taken for a vanished one",
    without("(row.id ?? unknown(model)) === model.id && "),
  ),
  deletion(
    "a Secret of unknown owner waits like the others of its folder",
    instead("(row.id ?? unknown(model)) === model.id", "row.id === model.id"),
  ),
  deletion(
    "credentials that vanish together with a rename wait by their own rule",
    instead("{ name, id, secret: null }, ...moving]", "{ name, id, secret: null }]"),
    "test/plan/decision.test.ts",
  ),
  deletion(
    "credentials that vanish together with a swap of names wait by their own rule",
    instead('mode === "upsert-only") return moving;', 'mode === "upsert-only") return [];'),
    "test/plan/decision.test.ts",
  ),
  deletion(
    "credentials that an Application was registered anew without wait by their own rule",
    instead("secrets.length < own.length ? own : []", "[]"),
    "test/plan/decision.test.ts",
  ),
  deletion(
    "a second look at who was registered anew counts its credentials",
    instead("return lostAnew(rows, id, heir).length === 0;", "return false;"),
    "test/plan/decision.test.ts",
  ),
  deletion(
    "a second look at whom several claim to be proves nothing",
    instead(
      "if (heir === undefined) return second.setAside.some((each) => each.name === name);",
      "if (heir === undefined) return false;",
    ),
    "test/plan/decision.test.ts",
  ),
  deletion(
    "whose owner nobody knows goes by no rule",
    instead('if (unit.id === "") {', "if (false) {"),
    "test/plan/decision.test.ts",
  ),
  deletion(
    "a second look at whose owner nobody knows is by the name",
    instead('if (id === "") return [...second', 'if (id === "none") return [...second'),
    "test/plan/decision.test.ts",
  ),
  memory(
    "what was held on another target cannot pass on this one",
    instead('published.target === "";', "published.target !== target;"),
  ),
  deletion(
    "what a former name keeps in upsert-only holds up nothing",
    without(" && folders.get(owner.name)?.id !== id"),
    "test/plan/decision.test.ts",
  ),
  settle(
    "an Application does not leave its held credentials behind",
    instead("new Set(bound.map(({ id }) => id))", "new Set()"),
    "test/plan/decision.test.ts",
  ),
  deletion(
    "credentials have a patience of their own",
    instead("unit.secret === null ? input.rules : input.rules.credentials", "input.rules"),
  ),
  deletion(
    "who was seen again begins anew",
    instead(
      "const missing: Record<string, Missing> = {};",
      "const missing: Record<string, Missing> = { ...input.missing };",
    ),
  ),
  observation(
    "it must be missing from so many fetches",
    without("observations >= patience.observations && "),
    "test/plan/observation.test.ts",
  ),
  observation("it must be missing for so long", without(" && waited >= patience.over - ROUNDING")),
  observation("a long silence counts no more than its share", instead("Math.min(elapsed, share)", "elapsed")),
  observation(
    "a clock set back counts nothing",
    instead(
      "Math.max(0, now.getTime() - Date.parse(before.lastSeenMissing))",
      "now.getTime() - Date.parse(before.lastSeenMissing)",
    ),
  ),
  deletion("no more than the limit goes in one cycle", instead("!isOverLimit(going, input)", "true")),
  deletion("no more than the limit goes in one day", instead("spent + wanted >", "wanted >")),
  deletion(
    "what cannot go takes no room from others",
    instead("due.filter((unit) => !cannotGo(unit))", "due"),
    "test/plan/decision.test.ts",
  ),
  deletion(
    "a deletion that lies in the future counts from when it was met",
    instead("Date.parse(a.at) - Date.parse(b.at)", "Date.parse(b.at) - Date.parse(a.at)"),
  ),
  deletion(
    "a stranger who is set aside keeps nobody from a new name",
    without(" && owner === undefined"),
    "test/plan/decision.test.ts",
  ),
  decision(
    "what waits for a name takes no room from others",
    instead("return ({ id }) => waiting.has(id);", "return () => false;"),
  ),
  decision(
    "what is held for a destination takes no room from others",
    instead("waits(unit) || held.has(unit.id)", "waits(unit)"),
  ),
  decision(
    "nor does it go where it is sent because it counts for no limit",
    instead("first.held.filter(({ id }) => held.has(id))", "[]"),
  ),
  decision(
    "nor because something else that was approved was seen again",
    instead("seenAgain.length === 0 ? { changes, redirected }", "true ? { changes, redirected }"),
  ),
  decision(
    "what a destination held back meets the limit when it is approved",
    instead("isOverLimit(own, rules) ? own", "false ? own"),
  ),
  deletion(
    "the day's limit is a share of what was there when it began",
    instead("first?.ofApplications ?? committed.applications", "committed.applications"),
  ),
  deletion(
    "the day's limit of Secrets is a share of what was there when it began",
    instead("first?.ofSecrets ?? committed.secrets", "committed.secrets"),
  ),
  deletion(
    "a record of the future counts for one day from now, and no longer",
    instead("new Date(record.at) > now ? { ...record, at: now.toISOString() } : record", "record"),
  ),
  deletion(
    "deletions that are remembered count, whatever Git says",
    instead("[...inGit, ...remembered]", "[...inGit]"),
  ),
  deletion("a deletion that Git and the memory tell counts once", without("!isAgain && ")),
  decision(
    "the rules are told of the deletions that are remembered",
    instead("remembered: memory.published.deletions", "remembered: []"),
  ),
  plan(
    "what goes is recorded for the day",
    instead("[...before, ...recordOf(serial, rows, settled, options)]", "[...before]"),
    "test/plan/decision.test.ts",
  ),
  plan(
    "what went before on that day stays recorded",
    instead(
      "[...before, ...recordOf(serial, rows, settled, options)]",
      "[...recordOf(serial, rows, settled, options)]",
    ),
    "test/plan/decision.test.ts",
  ),
  ownership(
    "deletions that cannot be read count as all that may go",
    instead("inventory.deletions ?? spent(files, now)", "inventory.deletions ?? []"),
  ),

  // A second look.
  secondLook(
    "a second look is taken before a deletion",
    instead("due.length + takeovers.length > 0", "takeovers.length > 0"),
  ),
  secondLook(
    "a second look is taken before a takeover",
    instead("due.length + takeovers.length > 0", "due.length > 0"),
    "test/plan/decision.test.ts",
  ),
  secondLook(
    "who is seen by the second look holds all",
    instead("due: seen.length === 0 ? due : [],", "due: due.filter((unit) => !seen.includes(unit)),"),
  ),
  secondLook(
    "a second look that lists nothing proves nobody gone",
    instead("second !== null && listsNothing(second) && !listsNothing(estate)", "false"),
  ),
  secondLook("a second look that lists nothing makes no approval void", without("!isBlank && ")),
  secondLook(
    "a name is taken over only when its owner is gone from both looks",
    instead("unproven([...due, ...takeovers])", "unproven(due)"),
    "test/plan/decision.test.ts",
  ),
  secondLook(
    "who was seen by the second look begins anew",
    without("for (const unit of shown(units)) delete missing[keyOf(unit, estate)];"),
    "test/plan/decision.test.ts",
  ),
  deletion(
    "who is set aside in the second look is seen",
    instead("[...one.applications, ...one.setAside].find(", "[...one.applications].find("),
  ),
  deletion(
    "the Secrets of one that the second look sets aside are not proven gone",
    without("if (second.setAside.some((each) => each.id === id)) return true;"),
  ),
  decision(
    "a name is not taken over while the inventory is rebuilt",
    instead("!input.owned.trusted || seen.includes(unit)", "seen.includes(unit)"),
    "test/plan/plan.test.ts",
  ),
  settle(
    "who keeps its folder is not overwritten by who takes the name",
    without(", ...decision.keeping"),
    "test/plan/decision.test.ts",
  ),
  settle("who is left alone keeps its folder", without(", ...decision.frozen"), "test/plan/decision.test.ts"),

  // Approvals.
  approval("an approval is of one set", instead("digest([set, used])", "digest([used])")),
  approval("an approval is of one hold", instead("digest([set, used])", "digest([set])")),
  approval(
    "the same set held again needs another approval",
    instead("known?.nonce ?? nonce", "memory.hold?.nonce ?? nonce"),
  ),
  approval(
    "an approval is bound to its detail",
    instead("JSON.stringify([id, name, secret, detail])", "JSON.stringify([id, name, secret])"),
  ),
  approval("an approval is bound to the runtime", instead("digest([runtimeID, ...lines])", "digest(lines)")),
  approval("an approval ends", without(" && new Date(expires) > now")),
  memory("an approval is used once", without(" && hash !== used")),
  memory(
    "an approval on which a request rests is not used up by proposing",
    instead("return isPublished ? plan.usedApproval : null", "return plan.usedApproval"),
  ),
  memory(
    "a cycle that wrote nothing uses no approval",
    instead("usedApproval !== null || isHeldYet ? seen : { ...seen, hold }", "{ ...seen, hold }"),
  ),
  decision(
    "a reason that no person may let pass is not approved",
    instead("holds.filter(({ reason }) => APPROVABLE.has(reason))", "holds"),
  ),
  plan(
    "the file with an approval is removed only when it was used",
    instead("approval.used !== null && base.listing.has(APPROVE_PATH)", "base.listing.has(APPROVE_PATH)"),
    "test/plan/decision.test.ts",
  ),
  plan(
    "an approval is used only when something passed by it",
    instead("return hasPassed ?", "return passing.length > 0 ?"),
    "test/plan/decision.test.ts",
  ),
  plan(
    "an approval that the second look contradicts is void",
    without("if (isRefuted) return { state: null, used: null };"),
    "test/plan/second-look.test.ts",
  ),

  // Destinations.
  decision(
    "new destinations are held",
    instead('settings.destinationChange === "hold" && !reasons.has(name)', "false"),
  ),
  decision(
    "what is held for a new destination is not written",
    without('for (const { name, reason } of stays) if (reason === "DestinationChanged") left.set(name, reason);'),
  ),
  decision(
    "an approval of destinations is bound to every host",
    instead("[bundle, to])", "[bundle, to[0]])"),
    "test/plan/second-look.test.ts",
  ),
  decision(
    "an approval of destinations is bound to every bundle",
    instead("redirected.get(hold.name)?.map(", "redirected.get(hold.name)?.slice(0, 1).map("),
    "test/plan/second-look.test.ts",
  ),
  destination(
    "one new host among old ones is a change",
    instead("return to.size === 0 ?", "return same.flatMap(({ now }) => now.hosts).some((host) => from.has(host)) ?"),
  ),
  destination(
    "a new name hides no new destination",
    instead(
      "const { name, id } = application;\n",
      "const { name, id } = application;\n    if (!folders.has(name)) return [];\n",
    ),
  ),
  destination("credentials that stay count for destinations", without(", ...kept(application, own, staying)")),
  destination(
    "the same values of a bundle made anew are the same credentials",
    instead("values !== null && values === elsewhere[bundle]", "false"),
  ),
  destination("credentials of a former owner of the name count for destinations", without(", ...former")),
  destination("what another Application has under another name is its own", without(" && isNobodys(row)")),
  destination("values that a rebuilt inventory does not know count as the same", without("values === null || ")),
  application(
    "token endpoints are destinations, too",
    instead("hostsOf([...targets, authenticationURL, csrfTokenEndpointURL])", "hostsOf(targets)"),
  ),
  committed(
    "a host that is spoken to without TLS is another one",
    instead('protocol === "https:" ? host :', "protocol ? host :"),
  ),

  // What a person wants.
  suspension("who is suspended by command is left alone", without("...Object.keys(suspended.applications),")),
  suspension(
    "who is suspended by a file is left alone",
    without('...(instructions.suspended === "everything" ? [] : instructions.suspended),'),
  ),
  standing("whose reconciling is disabled is left alone", without('add(drift.disabled, "ReconcileDisabled");')),
  drift("the mark that disables reconciling is read", instead("readApplication(bytes).isDisabled", "false")),
  standing(
    "what a person changed is left alone where drift is preserve",
    instead('settings.drift === "preserve"', "false"),
  ),
  standing("what a person changed stops the cycle where drift is fail", instead('settings.drift === "fail"', "false")),
  standing(
    "what was put back to an older version is no drift",
    instead("file.older || isOver(path, file, input)", "isOver(path, file, input)"),
  ),
  standing(
    "a removal that was left alone ends with its owner",
    instead("file.older || isOver(path, file, input)", "file.older"),
    "test/plan/decision.test.ts",
  ),
  standing("a revert of a commit is told by its serial", instead("owned.serial < serial", "false")),
  standing(
    "a revert of a deletion is told",
    instead(
      "(published !== undefined && (isPutBack",
      '(published !== undefined && published.tree !== "" && (isPutBack',
    ),
  ),
  standing(
    "an Application merged back by hand is held, though its inventory does not verify",
    without("isMergedBack(name, published) ||"),
  ),
  standing(
    "a deleted Application that a person brought back is held",
    instead('tree === "" && owned.serial <= serial && owned.broughtBack.has(name)', "false"),
  ),
  standing("a file that was put back is told by what stood there before", without("older.has(name) ||\n")),
  drift("what the agent wrote before is known", instead("row.former?.includes(blob) === true", "false")),
  standing(
    "a revert is held until Compass says something else",
    instead("known?.tree === tree", "false"),
    "test/plan/standing.test.ts",
  ),
  standing(
    "a revert is not lifted by what cannot be compared",
    instead("(intent === null || intent === entry.intent)", "intent === entry.intent"),
  ),
  plan(
    "a deletion is remembered, so that its revert can be told",
    without(
      '...Object.fromEntries(settled.due.map(({ name, id }) => [name, { id, intent: "", tree: "", manifest: "" }])),',
    ),
    "test/plan/decision.test.ts",
  ),
  plan(
    "what a person removed does not come back",
    without("for (const row of absentRows(settled, options)) add(row, null);"),
    "test/plan/decision.test.ts",
  ),
  memory(
    "the serial that was published is never lowered",
    instead("Math.max(published.serial, plan.inventory.serial)", "plan.inventory.serial"),
  ),
  plan(
    "the next serial is higher than what a person took back",
    instead("Math.max(owned.serial, remembered.serial, ...", "Math.max(owned.serial, ..."),
    "test/plan/decision.test.ts",
  ),
  memory("what was published elsewhere does not count", instead("memory.published.target === target", "true")),

  // Whose files they are.
  inventory(
    "an inventory is trusted only with the code that our key makes",
    instead("!equalSecrets(expected, hmac)", "false"),
  ),
  inventory(
    "an inventory names nothing outside of the layout",
    instead("path: z.string().max(1024).regex(LAYOUT),", "path: z.string().max(1024),"),
  ),
  ownership(
    "files outside of the layout are nobody's",
    instead("[...base.listing.keys()].filter(isInLayout).sort()", "[...base.listing.keys()].sort()"),
  ),
  ownership("a path of another runtime is left alone", without('if (owner !== runtimeID) return "runtime";')),
  ownership(
    "a path of another tenant is left alone",
    instead('named !== null && tenant !== null && named !== tenant ? "tenant" : null', "null"),
  ),
  ownership(
    "an inventory that does not say whose it is stops the cycle",
    instead("if (owner === null)\n", "if (false)\n"),
  ),
  ownership(
    "a path is taken over only from the one that is named",
    instead("takeOver !== null && takeOver === owner", "takeOver !== null"),
  ),
  ownership("a path that is taken over deletes nothing", instead("trusted: taken === null", "trusted: true")),
  ownership("an inventory that is rebuilt deletes nothing", instead("trusted: false,", "trusted: true,")),
  ownership(
    "who was taken over from does not take it back",
    without("if (former.includes(ours) && !taken) throw twoStates(owner);"),
  ),
  ownership("an inventory of a later version stops the cycle", instead("if (newer && !taken)", "if (false)")),
  ownership(
    "a kustomization of somebody else's stops the cycle",
    instead("if (foreign === null) return NOTHING;", "return NOTHING;"),
  ),
  ownership(
    "Applications without an inventory stop the cycle",
    instead("[...files].some(isAgents)", "[...files].some(() => false)"),
  ),
  ownership("a kustomization of another name stops the cycle", instead("if (another !== undefined) {", "if (false) {")),
  ownership(
    "what is written only when asked for is a person's, where nothing says otherwise",
    instead("listed?.has(path) ?? (ALWAYS_WRITTEN.has(path) || named.has(path))", "listed?.has(path) ?? true"),
  ),
  plan(
    "nothing goes beside rows that were rebuilt",
    instead("const lasting = owned.trusted ? []", "const lasting = true ? []"),
    "test/seal/canary.test.ts",
  ),
  plan(
    "a file of a person is not written over by one that belongs to no Application",
    without("throw foreign(path);"),
    "test/seal/canary.test.ts",
  ),
  plan(
    "a folder or a link of a person is not written over by one that belongs to no Application",
    instead("overForeign(base, new Set(before.keys()))(path)", "base.listing.has(path) && !before.has(path)"),
    "test/seal/canary.test.ts",
  ),
  unseen(
    "a deletion that was merged or pushed unseen is learnt",
    instead("for (const [name, entry] of known) {", "for (const [name, entry] of []) {"),
  ),
  unseen(
    "what a person put back teaches nothing",
    instead("serial <= published.serial", "serial === published.serial"),
  ),
  unseen(
    "what was written again is put back no more",
    instead("const written = writtenUnderway(memory, serial);", "const written = {};"),
  ),
  unseen("what a killed commit deleted is known", without("...writtenUnderway({ underway }, serial), ")),
  unseen(
    "what a killed commit published is known after a lost memory, too",
    without(", ...writtenUnderway(memory, serial)"),
  ),
  unseen(
    "what a killed commit wrote counts once Git has come as far",
    instead("underway !== null && serial >= underway.serial", "underway !== null"),
  ),
  unseen(
    "what a person had put back is no deletion of the agent's, whatever Compass says by now",
    without("...withoutWritten(memory, found.serial), "),
  ),
  unseen("what a person put back stays so in a commit unseen", instead("own(reverted, name)?.tree === tree", "false")),
  memory(
    "a deletion that waits while nobody could approve it uses no approval",
    without(" && !isStillHeld(memory, plan)"),
    "test/plan/unseen.test.ts",
  ),
  ownership("what an inventory was made to list is not the agent's", instead("isListed && isNamed(path)", "isListed")),
  ownership(
    "what somebody changed does not say whose it is",
    instead("application?.isOurs === true ? told :", "application?.id ||"),
  ),
  ownership("what a person brought back is the agent's again", instead("[...owned.files, ...rows]", "owned.files")),
  ownership("a person's file under a deleted name is not the agent's", without(" || !isOurs(bytes)")),
  ownership(
    "a file of another Application under a deleted name is not the agent's",
    without("id !== deleted.get(name) || "),
  ),
  ownership(
    "what nobody lists is nobody's in a rebuild",
    without(".filter(({ row, name, shows }) => isClaimed(row.path, name) || (shows && isWitnessed(row.path, name)))"),
  ),
  ownership(
    "what shows that the agent wrote it is the agent's in a rebuild",
    instead("isClaimed(row.path, name) || (shows && isWitnessed(row.path, name))", "isClaimed(row.path, name)"),
  ),
  ownership(
    "a copy of another agent's is a person's in a rebuild",
    instead("(shows && isWitnessed(row.path, name))", "shows"),
    "test/plan/decision.test.ts",
  ),
  ownership(
    "a copy of another agent's is a person's beside the newest inventory",
    instead("(!isNewest && witnesses > 1)", "witnesses > 1"),
    "test/plan/decision.test.ts",
  ),
  ownership(
    "a copy under another name is not the agent's",
    instead("read.name === name && isOurs(bytes)", "isOurs(bytes)"),
    "test/plan/decision.test.ts",
  ),
  ownership(
    "what is newer than the inventory is the agent's",
    instead("await withNewer(base, rows, serial, published)", "rows"),
    "test/plan/decision.test.ts",
  ),
  ownership(
    "what a person brought back as it was is the agent's",
    instead("return asLeft(name) || (!isNewest", "return (!isNewest"),
    "test/plan/decision.test.ts",
  ),
  ownership("beside an older inventory one witness is not enough", instead("witnesses > 1", "witnesses > 0")),
  ownership(
    "what is as the agent left it is no drift",
    instead("shows || asLeft(name) ? row : changed(row)", "changed(row)"),
    "test/plan/decision.test.ts",
  ),
  ownership(
    "an edited file beside an older inventory is a person's",
    instead("? row : changed(row));", "? row : row);"),
    "test/plan/decision.test.ts",
  ),
  ownership(
    "the Application's own file tells whose its folder is",
    instead("first?.id ?? rows.find", "rows.find"),
    "test/base/ownership.test.ts",
  ),
  ownership(
    "a Secret that nothing refers to is nobody's in a rebuild",
    instead(
      "isSecretPath(path) && reference === undefined ? null : (application?.id ?? null)",
      "application?.id ?? null",
    ),
    "test/plan/decision.test.ts",
  ),
  open(
    "a path inside of another agent's stops the cycle",
    instead("if (found.at(-1)?.path === inventory)", "if (false)"),
  ),
  open("a path around another agent's stops the cycle", instead("throw nested(`around", "nested(`around")),
  open("what is in the way of every commit stops the cycle", instead("if (blockage !== null)", "if (false)")),
  obstacles("a link in the way stops the cycle", instead("return INDISPENSABLE.test(path) ?", "return false ?")),
  obstacles(
    "a file in the place of a folder over all Applications stops the cycle",
    instead("return FOLDER.test(path) ?", "return false ?"),
  ),
  obstacles(
    "a folder in the place of a file over all Applications stops the cycle",
    instead("if (file !== undefined)", "if (false)"),
  ),
  settle("a file of somebody else's is not overwritten", instead("=> isBlocked(path);", "=> false;")),
  foreign("a file that is not the agent's is not overwritten", instead("foreign.has(path) || folders", "folders")),
  foreign("a folder with a person's files is not replaced by a file", without(" || folders.has(path)")),
  foreign(
    "a person's file is not replaced by a folder",
    without(" || foldersOn(path).some((folder) => foreign.has(folder))"),
  ),
  foreign(
    "links and submodules are not written over",
    instead("[...obstacles, ...[...listing.keys()]", "[...[...listing.keys()]"),
    "test/plan/decision.test.ts",
  ),
  plan(
    "only what is the agent's own is deleted",
    instead(
      "const gone = owned.files.map(({ path }) => path).filter(",
      "const gone = [...base.listing.keys()].filter(",
    ),
  ),

  // Who waits, and what stays.
  decision(
    "Secrets that stay keep their references",
    instead("rows.filter(({ path }) => stayingSecrets.has(path))", "[]"),
    "test/plan/plan.test.ts",
  ),
  vanished(
    "credentials that come back in another form are not missing",
    instead('bundle === other.bundle && (type === "Parameters") === (other.type === "Parameters")', "false"),
  ),
  settle(
    "Secrets that are held stay",
    without("if (decision.stayingSecrets.has(row.path) && (row.id ?? id) === id) return [row];"),
  ),
  settle(
    "nothing is left behind unrecorded in upsert-only",
    instead('mode === "sync" && owned.trusted', "owned.trusted"),
  ),
  settle("what is left behind stays, as nobody's", instead("[{ ...row, id: null }]", "[]")),
  settle("what a rebuilt inventory says is not tidied", instead('mode === "sync" && owned.trusted', 'mode === "sync"')),
  waiting(
    "a rename waits while the old name is held",
    instead("isTaken || !(namesOf.get(id) ?? []).every(isLeft)", "isTaken"),
  ),
  waiting(
    "a name is not given while its owner is set aside or held",
    instead("(kept.has(owner) || waiting.has(owner))", "waiting.has(owner)"),
  ),
  waiting(
    "a name is not given while its owner waits itself",
    instead("(kept.has(owner) || waiting.has(owner))", "kept.has(owner)"),
  ),
  waiting(
    "a chain of renames waits as a whole",
    instead("for (let before = -1; before !== waiting.size; )", "for (let before = -1; before < 0; )"),
  ),
  waiting(
    "an old name is given up only to who is published",
    instead("(next !== undefined && !waiting.has(next))", "next !== undefined"),
  ),
  settle("who waits keeps the folder of its old name", without("!waiting.has(id) && ")),
  settle("who is set aside keeps the folder of its old name", without(" && !keptIDs.has(id)")),
  settle("no Secret stands twice", instead("others.some(({ path }) => applicationOf(path) !== name)", "false")),
  settle(
    "who wants the name of one whose Secret would stand twice waits, too",
    instead(
      "const all = waitingOnes({ wanted, folders, kept: keptIDs, mayBeLeft, already: waiting });",
      "const all = new Set([...waitingOnes({ wanted, folders, kept: keptIDs, mayBeLeft, already: new Set() }), ...waiting]);",
    ),
  ),
  of(
    "src/render/common-files.ts",
    "test/render/render-estate.test.ts",
    "test/plan/plan.test.ts",
  )("the kustomization is never empty", instead("[...manifests, REVISION_PATH]", "[...manifests]")),

  deletion(
    "the waiting of an old name is no absence of its owner",
    instead('isRenamed(unit, estate) ? " renamed" : ""', '""'),
  ),
  secondLook("an approval is not used up by halves", instead("!isBlank || reason !==", "true || reason !==")),

  // The identity's life.
  policies(
    "Compass is asked where Director is only once in a day",
    instead("isLost && (renewal === null || isLongAgo(renewal.last))", "isLost"),
  ),
  policies(
    "a Director that is lost has the certificate renewed",
    instead("subjectChanged, unreachable, due", "subjectChanged, due"),
  ),
  renewing(
    "a renewal that cannot be proven begins anew",
    without("from + BEGINNING_LIFE > now.getTime() && "),
    "test/connect/policies.test.ts",
  ),
  renewing(
    "a certificate that comes too late is asked for anew",
    instead("if (isWaiting) return dates.notBefore < until;", "if (isWaiting) return true;"),
    "test/connect/policies.test.ts",
  ),
  renewing(
    "a certificate that has ended is asked for anew",
    without(" && (dates === null || dates.notAfter > now)"),
    "test/connect/policies.test.ts",
  ),
  complete(
    "a subject that Compass does not issue is not asked for again",
    instead("hasSubject(issued.certificate, subject) ? pending.subject : null", "pending.subject"),
  ),
  policies("a renewal is never later than its share", instead("(renewAt - early)", "(renewAt + early)")),
  policies("runtimes do not renew together", instead("0.01 + 0.04 * share", "0.01")),
  policies("a renewal waits for no more than a quarter of what is left", without(", left / 4")),
  policies("failures wait longer each time", instead("2 ** (times - 1)", "1")),
  policies(
    "signing requests are ten minutes apart",
    without("if (lastIssuance !== null && !isIssued && isPast(lastIssuance))"),
  ),
  policies("another subject is noticed", instead("!hasSubject(usable.certificate, parseSubject(subject))", "false")),
  policies("a missing authority is noticed", instead('identity.ca === "" ? "AuthorityMissing" : null', "null")),
  complete(
    "a new certificate is proven before it is used",
    instead("await prove(identity, pending.urls);", "void prove;"),
  ),
  complete(
    "an identity whose addresses would be refused replaces none",
    without("checkConnection(urls, hosts);"),
    "test/identity.test.ts",
  ),
  certificateMemory(
    "a certificate on its way is not taken for dead by one refusal",
    instead("times >= REFUSALS", "true"),
    "test/maintain.test.ts",
    "test/on-its-way.test.ts",
  ),
  reconnecting(
    "a token that Director gave goes to no Connector outside the hosts that are allowed",
    without("checkAnsweredURL(minted.connectorURL, usable.connection.connectorURL, hosts);"),
    "test/identity.test.ts",
  ),
  reconnecting(
    "no Compass is kept under the address of another one",
    without("if (other !== null) throw newTokenNeeded(other);"),
    "test/identity.test.ts",
  ),
  daemonCommand("a new token wakes run", instead('!== token) return "token";', "!== token) return null;")),
  daemonCommand(
    "a token that is put into the Secret of the configuration later wakes run",
    instead("token: tokenPlace(config) };", "token: config.compass.token };"),
  ),
  daemonCommand("resyncNow wakes run", instead('return (await resync.isNew()) ? "resyncNow" : null;', "return null;")),
  daemonCommand("the certificate's moment wakes run", instead("interval, moment, look", "interval, look")),
  daemonCommand("run takes over no configuration that each cycle refuses", without("requireHost(next);")),
  of("src/cli/context.ts", "test/run-wiring.test.ts")(
    "whatever is wrong with the Secret of the configuration, the identity is looked after",
    instead('failure.code === "Aborted" || failure.code === "Internal"', 'failure.code !== "SecretUnreadable"'),
  ),
  resyncWish("one wish is one cycle", instead("isAsked && !isServed", "isAsked")),
  identityMoment(
    "a pairing that was cut is woken for",
    instead(
      "if (pending === null || !canFinish(pending, now)) return null;",
      "if (pending !== undefined) return null;",
    ),
  ),
  identityMoment(
    "a renewal that waits for a pairing is not woken for before it cannot wait",
    instead("pending.tokenDigest !== null && urgent > now", "pending.tokenDigest !== null && urgent < now"),
  ),
  connector("an answer with a part of what was asked is no refusal", without("!(thrown instanceof AnsweredInPart) &&")),
  connector(
    "what the Connector's server gave up waiting for may be done all the same",
    instead("answer.status === 429 ? NotServed", "answer.status === 429 || answer.status === 503 ? NotServed"),
  ),
  certificateMemory(
    "a certificate on its way is not given up for refusals of another",
    instead("(refused?.certificate === certificate ? refused.times : 0)", "(refused?.times ?? 2)"),
    "test/on-its-way.test.ts",
  ),
  reconnecting(
    "who is to move asks no Director of the Compass that is left",
    instead("if (moved !== null) {", "if (moved === null && usable === null) {"),
    "test/identity.test.ts",
  ),
  complete(
    "a new certificate is checked before it is used",
    instead(
      "dates = checkIssued(identity, subject.commonName, clock.now());",
      "dates = { commonName: subject.commonName, notBefore: clock.now(), notAfter: clock.now() };",
    ),
    "test/identity-faults.test.ts",
  ),
  complete(
    "an outage is told from a new certificate that is no good",
    instead("return true;\n  } catch", "return false;\n  } catch"),
  ),
  complete(
    "a new certificate stays where the former one is refused, too",
    instead("return true;\n  } catch {\n    return false;", "return true;\n  } catch {\n    return true;"),
  ),
  complete(
    "what time alone makes usable is kept",
    without("    if (thrown instanceof Failure && thrown.retryable) throw thrown;\n"),
  ),
  pairing(
    "no token is sent before its key is there",
    instead("const key = await generateKey(", "const key = generateKey("),
  ),
  maintain(
    "who cannot read the configuration asks for no token",
    instead("  if (unresolved !== null) return inOtherWords", "  if (unresolved === undefined) return inOtherWords"),
  ),
  maintain(
    "a subject that was named for another identity has nothing renewed",
    instead("isOurs ? memory.subject : connection.subject", "memory.subject ?? connection.subject"),
  ),
  complete(
    "who has an identity that works is not told to pair again",
    instead("if (former === null || !(thrown instanceof Failure)) throw thrown;", "throw thrown;"),
  ),
  daemonCommand("a security warning is told whatever is left out of the log", instead("log.insist(", "log.warn(")),
  maintain(
    "a token is not touched while the certificate works",
    instead("usable === null || isRejected || hasMoved", "true"),
  ),
  maintain(
    "a rejected certificate and a new token pair anew",
    instead("usable === null || isRejected || hasMoved", "usable === null || hasMoved"),
  ),
  maintain("a token that is spent is not sent", without("spentTokens.includes(digest) || ")),
  maintain(
    "a token is not tried beyond its hour",
    instead("isPastTokenLife(triedTokens[digest], clock.now())", "false"),
  ),
  maintain("a renewal leaves a pairing alone that is on its way", instead("  if (isPairing) {\n", "  if (false) {\n")),
  maintain(
    "a token that may have been taken is tried again",
    instead("options.mayPairAnew === true || memory.isPairingWanted", "options.mayPairAnew === true"),
  ),
  renewing(
    "a renewal that was refused begins anew",
    without("if (thrown instanceof AnsweredByConnector) await state.discardPending();"),
  ),
  director(
    "a certificate that does not see the runtime proves nothing",
    without("if (runtime === null) throw runtimeUnknown();"),
  ),
  maintain("a failed renewal waits", instead("next !== null && next > now", "false")),
  maintain(
    "a renewed certificate is finished when its predecessor has expired",
    instead("if (unproven === null) throw", "if (unproven !== undefined) throw"),
  ),
  revoking(
    "a revocation is done only when the Connector said so",
    instead("clock.now());\n    throw unconfirmed(failure);", "clock.now());"),
  ),
  revoking(
    "a certificate on its way that was not revoked is not forgotten",
    instead("if (!isDead) throw unconfirmed(failure);", "void isDead;"),
  ),
  revoking(
    "a certificate on its way is revoked as well",
    instead("await revoke(issued, usable.connection).catch", "await Promise.resolve().catch"),
  ),
  renewingIdentity("the time of an issuance is stored", instead("if (isAutomatic) await", "if (!isAutomatic) await")),
  pairing(
    "no token is spent where its answer cannot be kept",
    instead(
      "const key = await generateKey(keySize);\n  // A token is good for one answer: where that cannot be kept, none is asked for.\n  await state.checkWritable();",
      "const key = await generateKey(keySize);",
    ),
    "test/maintain.test.ts",
  ),
  pairing(
    "a token that was answered is remembered as spent",
    instead("await rememberSpent(state, token.digest);\n    else", "void 0;\n    else"),
  ),

  // What is told of the cluster is so.
  canary(
    "the canary is not written over somebody else's file",
    instead("if (sealer !== null) await refuseForeign(options);", ""),
  ),
  canary(
    "the canary is not written over what somebody put in its place",
    instead("if (sealer !== null) await", "if (committed === undefined && sealer !== null) await"),
  ),
  canary("an unchanged canary keeps its bytes", instead("isThere && isSame(committed)", "false")),
  applied(
    "applied means that the revision is there, too",
    instead("revision === target.digest && isComplete", "isComplete"),
  ),
  applied(
    "applied means that the Applications carry their digests",
    instead("shown === undefined || (digest !== null && shown !== digest)", "shown === undefined"),
  ),
  applied("what was not asked is not applied", instead("view.applications !== null && missing", "missing")),
  applied(
    "applied means that what left Git is gone, too",
    instead("shown !== null && target.deleted.has(name)", "false"),
  ),
  applied("nobody else's Application keeps it from being applied", without("target.deleted.has(name) && ")),
  applied("words of others are made harmless", instead("message: forTerminal(message.trim(), WORDS)", "message")),
  planFiles("sealing anew has a commit of its own", without("if (writes.size + deletes.length > 0) return first;")),
  planFiles(
    "what cannot be sealed anew gives its room to others",
    instead("if (undone.length <= done.size)", "if (true)"),
  ),
  planFiles(
    "a batch of which half is sealed anew is published",
    instead("if (undone.length <= done.size)", "if (undone.length < done.size)"),
  ),
  sealingAnew("a commit seals no more anew than can be looked through", without(".slice(0, BATCH)")),
  sealingAnew(
    "files that cannot be sealed anew are named",
    instead(".filter(({ path }) => !known.has(path))", ".filter(() => false)"),
  ),
  sealingAnew("a person's bytes are not taken for sealed anew", without("row.written === undefined && ")),
  sealingAnew(
    "what goes by the recipients makes no commit before theirs",
    instead("batch.size === 0 && waiting.length > 0", "false"),
  ),
  sealingAnew("the loss of the seal key is announced", without(" || forgotten.has(path)")),
  search(
    "a value within another is found",
    instead("within[index] = longestAt(hash, 0, length - 1);", "within[index] = NONE;"),
  ),
  search(
    "a value that another one begins with is found where that one breaks off",
    instead("longestAt(hash, 0, end));", "NONE);"),
  ),
  gate("a value is found however its writer encoded it", instead("viewsOf(text)", "text")),
  of("src/seal/views.ts", "test/seal/gate.test.ts")(
    "and where one encoding stands in another",
    instead("NESTED = 2", "NESTED = 1"),
  ),
  of("src/seal/views.ts", "test/seal/gate.test.ts")(
    "and wherever base64 begins in a run of its letters",
    instead("[0, 1, 2, 3].map", "[0].map"),
  ),
  of(
    "src/seal/guards.ts",
    "test/seal/seal-estate.test.ts",
    "test/report/told.test.ts",
  )("a value is found in names, whose letters are small", instead("value: value.toLowerCase()", "value")),
  of("src/verify/sealed-secret-verdict.ts", "test/verify/sealed-secret-verdict.test.ts")(
    "a long readable text is not taken for a sealed one",
    without(" && parts.key.length <= LONGEST_KEY"),
  ),
  of("src/publish/decide-proposal.ts", "test/publish/decide-proposal.test.ts")(
    "an open request keeps nothing that a lost or leaked key opens",
    without(" || branch.isStale"),
  ),
  unseen(
    "an approval that was used by what was taken back does not count again",
    instead("proposedApproval === null ? memory.hold : null", "memory.hold"),
  ),
  sealing("the strings of a Secret are looked through as a reader has them", without(", ...textsOf(object)")),
  told("what is told holds no secret value", instead("options.tell?.(outcome, plan) ?? outcome", "outcome")),
  sops(
    "a SOPS file is opened again before the commit",
    without("      if (!isSound(text, data, dataKey, recipients)) throw defect();\n"),
  ),
  sealedSecrets(
    "a SealedSecret is read back before the commit",
    without("      if (!isSound(text, object, data, values, { scope, keyBytes })) throw defect();\n"),
  ),
  sealing(
    "values that are not known are not taken for changed ones",
    instead("(current === null ||\n", "(\n"),
    "test/seal/cluster-mode.test.ts",
  ),
  sealing(
    "bytes are kept of files only that are as they were written",
    instead(
      "    isThere &&\n    committed.cluster === undefined",
      "    committed !== undefined &&\n    committed.cluster === undefined",
    ),
    "test/seal/reencryption.test.ts",
  ),
  sealedSecrets(
    "sealed values are kept in the place only that they are bound to",
    without(
      "  if (file.name !== place.name || file.namespace !== place.namespace || file.scope !== place.scope) return new Map();\n",
    ),
  ),
  sealedFor(
    "a renewed key of the controller is no change by itself",
    instead("resealsEarlier && certificate !== null", "certificate !== null"),
  ),
  sealedFor(
    "what is for an earlier key is sealed anew to the last value",
    instead(".some((sealedFor)", ".every((sealedFor)"),
  ),
  sealing(
    "each value's certificate is remembered as it is",
    instead("earlier.get(key) ?? certificate", "certificate"),
    "test/seal/sealed-for.test.ts",
  ),
  sealing(
    "what is due to be sealed anew is so in a file that changes anyway",
    without("    !isForEarlier(committed, fingerprints) &&\n"),
    "test/seal/sealed-for.test.ts",
  ),
  sealingCertificate(
    "nothing is sealed for an expired certificate",
    instead("if (notAfter <= now)", "if (notAfter < new Date(0))"),
  ),
  clusterMode(
    "no Secret is removed from the cluster that is to stay",
    without(" && !isStaying({ namespace: cluster, name })"),
  ),
  clusterMode(
    "a Secret of another namespace is another one",
    instead('({ path, cluster = "" }) =>', '({ path }) => ({ path, cluster: "" })).map(({ path, cluster }) =>'),
  ),
  clusterSecrets(
    "only what carries the agent's label is removed from the cluster",
    instead("...found.filter((secret) => wanted.has(placeOf(secret)))", "...remove"),
  ),
  of("src/adapters/kubernetes/applied-secrets.ts", "test/cluster-secrets.test.ts")(
    "a Secret in which others have keys is not removed as a whole",
    instead("if (others.size === 0) return null;", "return null;"),
  ),
  of("src/adapters/kubernetes/applied-secrets.ts", "test/cluster-secrets.test.ts")(
    "nor what a former writer left to others",
    instead("isFormer)].filter((key) => !others.has(key))", "isFormer)]"),
  ),
  of("src/adapters/kubernetes/applied-secrets.ts", "test/cluster-secrets.test.ts")(
    "a credential that was taken away does not stay in the cluster",
    instead("filter((key) => !data.has(key)) ?? []", "filter(() => false) ?? []"),
  ),
  of("src/adapters/kubernetes/applied-secrets.ts", "test/cluster-secrets.test.ts")(
    "and a key of somebody else's does",
    instead("?? {}).filter((key) => !others.has(key))", "?? {})"),
  ),
  clusterSecrets(
    "Argo CD gets the fields of what it applies",
    instead('kind === "argocd" ? "argocd-controller"', 'kind === null ? "argocd-controller"'),
  ),
  of("src/adapters/kubernetes/managed-fields.ts", "test/adapters/kubernetes/managed-fields.test.ts")(
    "no former writer holds on to a key that is handed on",
    instead("fieldsV1: withoutKeys(each.fieldsV1, keys)", "fieldsV1: each.fieldsV1"),
  ),
  of("src/adapters/kubernetes/applied-secrets.ts", "test/cluster-secrets.test.ts")(
    "nor where the Secret comes back to Git",
    instead("if (managedFields !== null)", "if (false)"),
  ),
  of("src/cluster-secrets.ts", "test/e2e/between-modes.test.ts")(
    "a mode that is given up before its first commit leaves no marks",
    instead("apply.map(namespaceOf) : [];\n      //", "[] : [];\n      //"),
  ),
  clusterSecrets("a failure after the commit takes nothing back", instead("stay.push(secret);", "throw thrown;")),
  referred(
    "Secrets in the cluster are known while the inventory is rebuilt",
    instead('if (base.inventory.state !== "unverified") return', "return"),
  ),
  leftovers("nothing left behind goes while the inventory is rebuilt", without(" || !plan.isTrusted")),
  leftovers("nothing left behind goes by an empty answer", without(" || decision.listed.size === 0")),
  leftovers(
    "nothing left behind goes of an Application that is not written",
    without(" && (owner === null || !unwritten.has(owner))"),
  ),
  leftovers("nothing left behind goes of an Application that keeps its folder", without("...decision.keeping")),
  leftovers("nothing left behind goes by one look", instead("Math.max(2, observations)", "observations")),
  leftovers("what was left behind goes within the limit", instead("isOverLimit ? [] : due", "due")),
  clusterMode(
    "what stands in the cluster is in no kustomization",
    without("    .filter(({ cluster }) => cluster === undefined)\n"),
  ),
  clusterMode(
    "what stands in no file is in no commit",
    instead("if (row.cluster === undefined) writes.set", "if (row.path !== row.blob) writes.set"),
  ),
  installing(
    "no wiring is written or named for removal because the configuration speaks of it",
    instead(
      'given === null || given === "none") return "none"',
      'given === "none") return "none";\n  if (given === null) return kind',
    ),
  ),
  installing(
    "no wiring is written or named for removal by another's name",
    without("  if (name !== AGENT) throw foreign(given, name);\n"),
    "test/install/settings.test.ts",
  ),
  of("src/seal/controllers-words.ts", "test/report/controllers-words.test.ts")(
    "no short password is told in the words of who applies",
    instead("holds(words, values)", "holds(words, values.slice(values.length))"),
  ),
];
