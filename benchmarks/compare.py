"""Arithmetic of the comparison: ratios of paired launches, and what a ratio can be at most."""
import statistics


def spread(values):
    """Median, least and greatest."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def ratio(ours, peer):
    """How many times as fast ours is, from the figures of two launches."""
    if ours["better"] != peer["better"] or ours["unit"] != peer["unit"]:
        raise ValueError(f"{ours['workload']}: {ours['unit']} cannot be compared with {peer['unit']}")
    return ours["value"] / peer["value"] if ours["better"] == "higher" else peer["value"] / ours["value"]


def fastest(figures):
    """Of launches of several peers at the same work, the one that was fastest."""
    if not figures:
        raise ValueError("no peer ran")
    return (max if figures[0]["better"] == "higher" else min)(figures, key=lambda f: f["value"])


def at_peak(ratio_, share):
    """The ratio of a program that did ours' floating-point operations at the peak of fused multiply-adds: no float32
    implementation of the same operations can have a greater one. None where they are not counted."""
    return ratio_ / share if share else None


def tighter(tolerance):
    """The next tolerance to try where ours is less accurate than the peer at the same one."""
    return float(f"{tolerance * 10 ** -0.1:.3g}")


def looser(tolerance):
    """The next tolerance to try where ours is more accurate than the peer at the same one."""
    return float(f"{tolerance * 10 ** 0.1:.3g}")


def as_accurate(ours, peer):
    """Whether ours is as near to the reference as the peer, which may not have been compared with it."""
    return ours.get("rms_error") is None or peer.get("rms_error") is None or ours["rms_error"] <= peer["rms_error"]


def load(pair):
    """The cores that other processes took during the noisier launch of a pair."""
    return max(f.get("foreign", 0) for f in pair)


def quietest(pairs, count, quiet):
    """The pairs that count, in their order: the first quiet ones, or those with the least load of others. A pair is
    taken or left by that load alone, never by its figures."""
    order = sorted(range(len(pairs)), key=lambda i: (max(load(pairs[i]), quiet), i))
    return [pairs[i] for i in sorted(order[:count])]


def summary(pairs):
    """A line of the table from the pairs (ours, peer) of launches."""
    first_ours, first_peer = pairs[0]
    r = spread([ratio(o, p) for o, p in pairs])
    share = statistics.median([o.get("peak_share") or 0 for o, _ in pairs]) or None

    def side(f, all_):
        return {"params": f["params"], "unit": f["unit"], **spread([x["value"] for x in all_]),
                **{k: f[k] for k in ("rms_error", "nfe", "peak_rss_mib") if f.get(k) is not None}}

    return {"launches": len(pairs), "foreign": max(map(load, pairs)), "ratio": r, "peak_share": share, "ratio_at_peak": at_peak(r["median"], share),
            "ours": side(first_ours, [o for o, _ in pairs]),
            "peer": {"name": first_peer["peer"], **side(first_peer, [p for _, p in pairs])}}
