//! What happens in Azure by itself: POSTs take effect, jobs are made, others restore too.

use super::super::facts::JobStatus;
use super::super::ids::JobId;
use super::super::record::Matching;
use super::risks::{LATEST_LIST, Risk};
use super::script::Moment;
use super::world::{Job, MINUTE, Ms, Post, SECOND, World};

impl World {
    /// Lets everything happen in Azure that is due.
    pub fn effects(&mut self) {
        for index in 0..self.posts.len() {
            let post = &self.posts[index];
            if post.done || post.effect_at > self.now {
                continue;
            }
            self.posts[index].done = true;
            let post = self.posts[index].clone();
            if post.makes_job {
                self.make_job(&post);
            }
            self.witness(Moment::Posted);
        }
    }

    /// The next instant at which something happens in Azure.
    pub fn next_effect(&self) -> Option<Ms> {
        self.posts
            .iter()
            .filter(|post| !post.done)
            .map(|post| post.effect_at)
            .min()
    }

    fn make_job(&mut self, post: &Post) {
        let minutes = self.rng.i64(1..25);
        let by_chance = match self.rng.u32(0..10) {
            0..=5 => (JobStatus::Completed, ""),
            6 => (JobStatus::CompletedWithWarnings, "Warned"),
            7 => (JobStatus::Cancelled, ""),
            8 => (JobStatus::Failed, "UserErrorSomething"),
            _ => (JobStatus::Failed, "CloudInternalError"),
        };
        let (end, error, minutes) =
            self.weather
                .jobs_end
                .clone()
                .unwrap_or((by_chance.0, by_chance.1, minutes));
        let started = self.now + self.rng.i64(0..5 * SECOND);
        let visible = self.now + post.lag;
        let flicker = if self.stormy() {
            self.rng.i64(0..250 * SECOND)
        } else {
            0
        };
        let activity_id = if self.weather.ids_filled {
            post.request.to_string()
        } else {
            self.weather.instead_of_ids.to_owned()
        };
        if !self.weather.ids_filled && self.matching != Matching::Broken {
            self.take_risk(post.run, Risk::IdLeftOut);
        }
        if post.lag + flicker > LATEST_LIST {
            self.take_risk(post.run, Risk::ListedLate);
        }
        self.add_job(Job {
            id: JobId::new(""),
            run: Some(post.run),
            attempt: post.attempt,
            activity_id,
            started,
            ends: started + minutes * MINUTE,
            end,
            error,
            visible,
            solid: visible + flicker,
            first_listed: None,
        });
    }

    fn add_job(&mut self, job: Job) {
        let number = self.jobs.len() + 1;
        let now = self.now;
        self.say(|_| {
            format!(
                "Azure makes job j{number} of r{:?} attempt {}: visible after {} s, solid after {} s more, ends as {:?} {} after {} min",
                job.run,
                job.attempt,
                (job.visible - now) / SECOND,
                (job.solid - job.visible) / SECOND,
                job.end,
                job.error,
                (job.ends - job.started) / MINUTE,
            )
        });
        self.jobs.push(Job {
            id: JobId::new(format!("j{number}")),
            ..job
        });
    }

    /// Somebody restores the VM with another tool, or a second job carries the id of one of ours.
    pub fn somebody_restores(&mut self, with_the_id_of: Option<usize>) {
        let model = with_the_id_of.and_then(|run| {
            let mut jobs = self.jobs.iter().rev();
            jobs.find(|job| job.run == Some(run)).cloned()
        });
        if let Some(run) = with_the_id_of {
            let Some(own) = &model else { return };
            if self.runs[run].intent.target.overwrites_source() && self.now < own.solid {
                self.take_risk(run, Risk::IdUsedByOthers);
            }
        }
        let (attempt, activity_id) = match model {
            Some(job) => (job.attempt, job.activity_id),
            None => (0, self.random_id().to_string()),
        };
        let visible = self.now + self.rng.i64(0..60 * SECOND);
        let ends = self.now + self.rng.i64(MINUTE..40 * MINUTE);
        self.add_job(Job {
            id: JobId::new(""),
            run: None,
            attempt,
            activity_id,
            started: self.now,
            ends,
            end: JobStatus::Completed,
            error: "",
            visible,
            solid: visible,
            first_listed: None,
        });
    }

    /// Since when there has been a VM of the name that the run would make.
    pub fn target_exists_since(&self, run: usize) -> Option<Ms> {
        let made = self
            .jobs
            .iter()
            .filter(|job| job.run == Some(run))
            .map(|job| (job.started + job.ends) / 2)
            .filter(|made| *made <= self.now);
        made.chain(self.runs[run].name_taken).min()
    }
}
