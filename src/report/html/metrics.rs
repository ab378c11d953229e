//! What is known of the metrics by name: what they are, which direction is leakage, and where they come from.

use super::text::escape;

/// The direction in which a metric means more leakage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leak {
    /// More is worse.
    Higher,
    /// Less is worse.
    Lower,
}

impl Leak {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Higher => "higher",
            Self::Lower => "lower",
        }
    }
}

/// One metric.
pub(super) struct Known {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) what: &'static str,
    pub(super) leak: Leak,
    pub(super) source: &'static str,
}

const fn metric(name: &'static str, title: &'static str, leak: Leak, what: &'static str, source: &'static str) -> Known {
    Known { name, title, what, leak, source }
}

/// In the order of the glossary.
pub(super) const KNOWN: [Known; 21] = [
    metric(
        "recognition",
        "Recognition",
        Leak::Higher,
        "Share of reconstructed images that the judge assigns to the class they were made for.",
        "Interval: Wilson 1927",
    ),
    metric(
        "sure",
        "Sure",
        Leak::Higher,
        "Share of images for which the judge gives some class, whichever, a probability of at least 0.9.",
        "Interval: Wilson 1927",
    ),
    metric(
        "sure_classes",
        "Classes seen",
        Leak::Higher,
        "Share of the classes of which the judge is sure in at least one of these images.",
        "",
    ),
    metric(
        "probe_accuracy",
        "Accuracy of the probe",
        Leak::Higher,
        "Share of other reference images that a read-out fitted to a few labelled ones puts into their class.",
        "Interval: Wilson 1927",
    ),
    metric(
        "nearer_to_members",
        "Nearer to members",
        Leak::Higher,
        "Share of samples that lie nearer to an image that was trained on than to any of as many others.",
        "Interval: Wilson 1927",
    ),
    metric(
        "nearly_members",
        "Nearly members",
        Leak::Higher,
        "Share of samples that are as near to an image that was trained on as only one in a hundred others is.",
        "Interval: Wilson 1927",
    ),
    metric(
        "preferred_class",
        "Preferred class",
        Leak::Higher,
        "Share of images without any class that the judge puts into the one that it prefers.",
        "Interval: Wilson 1927",
    ),
    metric("confidence", "Confidence", Leak::Higher, "The judge's mean probability of the class that an image was made for.", ""),
    metric(
        "frechet",
        "Fréchet distance",
        Leak::Lower,
        "Distance between reconstructions and reference images, each taken as a Gaussian in feature space. The features are those named \
         above: not comparable with values published on Inception features.",
        "FID: Heusel et al. 2017",
    ),
    metric(
        "kid",
        "Kernel distance",
        Leak::Lower,
        "Squared maximum mean discrepancy between the same two sets of features, without bias for few images.",
        "KID: Bińkowski et al. 2018",
    ),
    metric(
        "nearest_reference",
        "Nearest reference",
        Leak::Lower,
        "Median distance from a reconstruction to the nearest real image, over that from a real image to the nearest other.",
        "",
    ),
    metric(
        "diversity",
        "Diversity",
        Leak::Higher,
        "Mean distance between two reconstructions, over that between two real images: 1 is as varied as these.",
        "",
    ),
    metric("auc", "AUC", Leak::Higher, "Probability that a member of the training data scores above a non-member; 0.5 is guessing.", ""),
    metric(
        "tpr_at_fpr_1",
        "TPR at 1 % FPR",
        Leak::Higher,
        "Share of members found where 1 % of the non-members are taken for members.",
        "Carlini et al. 2022",
    ),
    metric(
        "tpr_at_fpr_0_1",
        "TPR at 0.1 % FPR",
        Leak::Higher,
        "The same where 0.1 % are: a few records found without doubt count more than many guessed.",
        "Carlini et al. 2022",
    ),
    metric(
        "cosine",
        "Cosine",
        Leak::Higher,
        "Cosine of the angle between a layer's weights and the float network's, scales of channels aside; 1 is the same.",
        "",
    ),
    metric(
        "matched_channels",
        "Matched channels",
        Leak::Higher,
        "Share of output channels that are found again among those of the float network, whatever their order and scale.",
        "Interval: Wilson 1927",
    ),
    metric(
        "cka",
        "CKA",
        Leak::Higher,
        "Likeness of two networks' activations on the same images; 1 is the same up to rotation and scale.",
        "Kornblith et al. 2019",
    ),
    metric(
        "agreement_of_twin",
        "Agreement of the twin",
        Leak::Higher,
        "Share of procedural images on which the attacker's float twin, once trained, chooses the same class as the artifact.",
        "Interval: Wilson 1927",
    ),
    metric(
        "agreement_before_distillation",
        "Agreement before training",
        Leak::Higher,
        "The same before the twin is trained: what the weights answer as they are.",
        "Interval: Wilson 1927",
    ),
    metric(
        "copied_tensors",
        "Copied tensors",
        Leak::Higher,
        "Share of the source network's tensors of which a copy was found in the file, in whatever form.",
        "",
    ),
];

/// A name without the judge's number, and the number.
fn judge(name: &str) -> (&str, Option<u32>) {
    let split = name.rsplit_once("_by_").and_then(|(base, number)| Some((base, Some(number.parse().ok()?))));
    split.unwrap_or((name, None))
}

/// What is known of a metric, whoever judged.
pub(super) fn known(name: &str) -> Option<&'static Known> {
    let (name, _) = judge(name);
    KNOWN.iter().find(|known| known.name == name)
}

/// A name for readers, escaped.
pub(super) fn title(name: &str) -> String {
    let (_, number) = judge(name);
    match (known(name), number) {
        (Some(known), Some(number)) => format!("{} (judge {number})", known.title),
        (Some(known), None) => known.title.to_owned(),
        (None, _) => escape(&name.replace('_', " ")),
    }
}
